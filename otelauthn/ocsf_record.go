package otelauthn

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/authnfsm/authn"
)

type ocsfClass int

const (
	accountChange  ocsfClass = 3001
	authentication ocsfClass = 3002
)

// An ocsfActivity is what happened: of a class, by its number and caption.
type ocsfActivity struct {
	class   ocsfClass
	id      int
	caption string
}

var (
	logon   = ocsfActivity{authentication, 1, "Logon"}
	preauth = ocsfActivity{authentication, 6, "Preauth"}

	passwordChange = ocsfActivity{accountChange, 3, "Password Change"}
	passwordReset  = ocsfActivity{accountChange, 4, "Password Reset"}
	lock           = ocsfActivity{accountChange, 9, "Lock"}
)

type ocsfSeverity int

const (
	informational ocsfSeverity = iota + 1
	low
	medium
	high
)

var severities = [...]string{informational: "Informational", low: "Low", medium: "Medium", high: "High"}

// An ocsfRecord is one record. A detail says why it is a failure.
type ocsfRecord struct {
	activity ocsfActivity
	severity ocsfSeverity
	detail   string
	factors  []ocsfFactor
}

// reports are the audit events that are neither rows nor refusals.
var reports = map[authn.EventName]ocsfRecord{
	authn.EventSignedIn:        {activity: logon, severity: informational},
	authn.EventFactorActivated: {activity: ocsfActivity{accountChange, 10, "MFA Factor Enable"}, severity: informational},
	authn.EventFactorDisabled:  {activity: ocsfActivity{accountChange, 5, "Disable"}, severity: high},
	authn.EventReinstate:       {activity: ocsfActivity{accountChange, 12, "Unlock"}, severity: informational},
	authn.EventErase:           {activity: ocsfActivity{accountChange, 6, "Delete"}, severity: informational},
	authn.EventFactorUnusable:  {activity: ocsfActivity{accountChange, 99, string(authn.EventFactorUnusable)}, severity: medium, detail: "factor cannot be used"},
}

// refusalDetail is OCSF's word for a refusal, where it has one.
func refusalDetail(refusal string) string {
	switch refusal {
	case authn.ErrLocked.Error():
		return "ACCOUNT_LOCKED_OUT"
	case authn.ErrNoUser.Error(): // the password was right
		return "ACCOUNT_DISABLED"
	}
	return refusal
}

// An ocsfFactor is an object auth_factor, without what would name a person.
type ocsfFactor struct {
	TypeID int    `json:"factor_type_id"`
	Type   string `json:"factor_type"`
	TOTP   bool   `json:"is_totp,omitempty"`
}

// factorOf is OCSF's word for a type of factor. Types of the other modules are known
// by the names that they have there.
func factorOf(name string) ocsfFactor {
	switch name {
	case authn.SMS:
		return ocsfFactor{TypeID: 1, Type: "SMS"}
	case "question":
		return ocsfFactor{TypeID: 2, Type: "Security Question"}
	case authn.Call:
		return ocsfFactor{TypeID: 3, Type: "Phone Call"}
	case "push":
		return ocsfFactor{TypeID: 5, Type: "Push Notification"}
	case authn.TOTP:
		return ocsfFactor{TypeID: 7, Type: "OTP", TOTP: true}
	case authn.Email:
		return ocsfFactor{TypeID: 8, Type: "Email"}
	case "webauthn":
		return ocsfFactor{TypeID: 10, Type: "WebAuthn"}
	}
	return ocsfFactor{TypeID: 99, Type: name}
}

// record writes it out.
func (o *ocsf) record(e *authn.AuditEvent, r ocsfRecord, level slog.Level) slog.Record {
	class, a := "Account Change", r.activity
	if a.class == authentication {
		class = "Authentication"
	}
	status, statusID := "Success", 1
	if r.detail != "" {
		status, statusID = "Failure", 2
	}
	metadata := []any{
		slog.String("version", ocsfVersion), slog.Group("product", slog.String("name", "authn")),
		slog.String("event_code", bounded(o.words.events, e.Event)),
	}
	if e.Transaction != "" {
		metadata = append(metadata, slog.String("correlation_uid", e.Transaction))
	}
	if e.Key != "" {
		metadata = append(metadata, slog.String("uid", e.Key))
	}
	rec := slog.NewRecord(time.Time{}, level, class+": "+a.caption, 0) // the time is OCSF's
	rec.AddAttrs(
		slog.Int64("time", e.Time.UnixMilli()),
		slog.Int("category_uid", 3), slog.String("category_name", "Identity & Access Management"),
		slog.Int("class_uid", int(a.class)), slog.String("class_name", class),
		slog.Int("activity_id", a.id), slog.String("activity_name", a.caption), slog.Int("type_uid", int(a.class)*100+a.id),
		slog.Int("severity_id", int(r.severity)), slog.String("severity", severities[r.severity]),
		slog.Int("status_id", statusID), slog.String("status", status),
		slog.Group("metadata", metadata...), slog.Group("user", slog.String("uid", e.Account)),
	)
	if r.detail != "" {
		rec.AddAttrs(slog.String("status_detail", r.detail))
	}
	if a.class == authentication {
		rec.AddAttrs(slog.Group("service", slog.String("name", cmp.Or(e.Tenant, "authn"))), slog.Int("auth_protocol_id", 99), slog.String("auth_protocol", "Other"))
	}
	if len(r.factors) > 0 {
		rec.AddAttrs(slog.Bool("is_mfa", true), slog.Any("auth_factors", r.factors))
	}
	return rec
}
