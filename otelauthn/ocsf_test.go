package otelauthn_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/otelauthn"
)

// An entry is what a test reads of an OCSF event.
type entry struct {
	Level        string
	Time         int64
	Class        int    `json:"class_uid"`
	ClassName    string `json:"class_name"`
	Category     int    `json:"category_uid"`
	Activity     int    `json:"activity_id"`
	ActivityName string `json:"activity_name"`
	Type         int    `json:"type_uid"`
	Severity     int    `json:"severity_id"`
	StatusID     int    `json:"status_id"`
	Status       string
	Detail       string `json:"status_detail"`
	MFA          *bool  `json:"is_mfa"`
	Factors      []struct {
		ID   int    `json:"factor_type_id"`
		Type string `json:"factor_type"`
		TOTP bool   `json:"is_totp"`
	} `json:"auth_factors"`
	User     struct{ UID string }
	Service  struct{ Name string }
	Metadata struct {
		Version     string
		EventCode   string `json:"event_code"`
		Correlation string `json:"correlation_uid"`
		UID         string
		Product     struct{ Name string }
	}
}

func (e entry) String() string {
	s := fmt.Sprintf("%s: %d %s %s", e.Metadata.EventCode, e.Type, e.ActivityName, e.Status)
	if e.Detail != "" {
		s += " " + e.Detail
	}
	if e.MFA != nil {
		s += fmt.Sprintf(" mfa=%v %d", *e.MFA, e.Factors[0].ID)
		if e.Factors[0].TOTP {
			s += " totp"
		}
	}
	return s
}

// entries parses what a JSON handler has written.
func entries(t *testing.T, log *bytes.Buffer) (list []entry) {
	t.Helper()
	for _, line := range bytes.Split(bytes.TrimSpace(log.Bytes()), []byte("\n")) {
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if e.Type != 100*e.Class+e.Activity || e.Category != 3 || e.Metadata.Version != "1.9.0" || e.Metadata.Product.Name != "authn" || e.User.UID == "" || e.Time != authntest.Epoch().UnixMilli() {
			t.Errorf("not an event of OCSF: %s", line)
		}
		if success := e.StatusID == 1; success != (e.Status == "Success") || success != (e.Detail == "") || (e.Class == 3002) != (e.Service.Name != "") || (e.Severity == 1) != (e.Level == "INFO") {
			t.Errorf("it contradicts itself: %s", line)
		}
		if n := bytes.Count(line, []byte(`"time":`)); n != 1 {
			t.Errorf("%d times: %s", n, line)
		}
		list = append(list, e)
	}
	log.Reset()
	return list
}

func lines(t *testing.T, log *bytes.Buffer) string {
	t.Helper()
	var all []string
	for _, e := range entries(t, log) {
		all = append(all, e.String())
	}
	return strings.Join(all, "\n")
}

// A sign-in with an enrollment, a lock, and what a host does about it.
func TestOCSF(t *testing.T) {
	var log bytes.Buffer
	var w authntest.World
	cfg := w.Config()
	cfg.Policy = authn.Policy{LockEvery: 3, NoBackoff: true, Digits: 8}
	cfg.Auditor = otelauthn.OCSF(slog.NewJSONHandler(&log, nil), &w)
	svc, err := authn.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.SetFactors(user, authntest.Mail(address, authn.NotSetUp))
	do := func(a *authn.Answer, ev authn.Event) *authn.Answer {
		t.Helper()
		a, err := svc.Do(t.Context(), a.Token, ev)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	check := func(want string) {
		t.Helper()
		if got := lines(t, &log); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	begin := func() *authn.Answer {
		t.Helper()
		a, err := svc.Begin(t.Context(), authn.Login{User: user})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := do(begin(), authn.Enroll{Type: authn.Email})
	a = do(a, authn.Activate{Code: w.Code(user)})
	if _, err := svc.Redeem(t.Context(), a.Session); err != nil {
		t.Fatal(err)
	}
	first := entries(t, &log)
	want := []string{
		"primary: 300206 Preauth Success", "enroll: 300206 Preauth Success", "activate: 300206 Preauth Success mfa=true 8",
		"factor_activated: 300110 MFA Factor Enable Success", "signed_in: 300201 Logon Success", "redeem: 300299 redeem Success",
	}
	for i, e := range first {
		if i >= len(want) || e.String() != want[i] {
			t.Errorf("%d: %s", i, e)
		}
		if e.Metadata.Correlation != first[0].Metadata.Correlation || e.Metadata.Correlation == "" || (e.Metadata.UID != "") != slices.Contains([]int{3, 4}, i) {
			t.Errorf("%s belongs to %q, %q", e, e.Metadata.Correlation, e.Metadata.UID)
		}
	}
	if len(first) != len(want) {
		t.Errorf("%d records", len(first))
	}

	do(begin(), authn.Cancel{})
	check("primary: 300206 Preauth Success\ncancel: 300299 cancel Success")
	a = do(begin(), authn.Challenge{Factor: "mail"})
	if _, err := svc.Do(t.Context(), a.Token, authn.Resend{}); !errors.Is(err, authn.ErrTooSoon) {
		t.Fatal(err)
	}
	for range 3 {
		a = do(a, authn.Verify{Code: wrong(w.Code(user))})
	}
	check(strings.Join([]string{
		"primary: 300206 Preauth Success", "challenge: 300206 Preauth Success", "resend: 300206 Preauth Failure too soon",
		"verify: 300201 Logon Failure INVALID_CREDENTIALS mfa=true 8", "verify: 300201 Logon Failure INVALID_CREDENTIALS mfa=true 8",
		"verify: 300201 Logon Failure INVALID_CREDENTIALS mfa=true 8", "verify: 300109 Lock Success",
	}, "\n"))
	if _, err := svc.Begin(t.Context(), authn.Login{User: user}); !errors.Is(err, authn.ErrLocked) {
		t.Fatal(err)
	}
	check("primary: 300201 Logon Failure ACCOUNT_LOCKED_OUT")
	if err := errors.Join(svc.Reinstate(t.Context(), user, "asked by "+address), svc.Revoke(t.Context(), user), svc.Erase(t.Context(), user)); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(log.String(), address) {
		t.Error("the reason is logged")
	}
	check("reinstate: 300112 Unlock Success\nrevoke: 300199 revoke Success\nerase: 300106 Delete Success")
	w.Remove(user)
	if _, err := svc.Begin(t.Context(), authn.Login{User: user}); !errors.Is(err, authn.ErrNoUser) {
		t.Fatal(err)
	}
	check("primary: 300201 Logon Failure ACCOUNT_DISABLED")
}

// Every row of the table has records, and a lock exactly those that lock the account.
func TestOCSFRows(t *testing.T) {
	var log bytes.Buffer
	o := otelauthn.OCSF(slog.NewJSONHandler(&log, nil), nil)
	locks := 0
	for _, row := range authn.Transitions() {
		if row.To == "" {
			continue
		}
		guards := strings.Join(row.When, ", ")
		err := o.Audit(t.Context(), authn.AuditEvent{Time: authntest.Epoch(), Account: "a", Event: row.Event, From: row.From, To: row.To, Guard: guards, Outcome: row.Outcome})
		if err != nil {
			t.Fatal(err)
		}
		list := entries(t, &log)
		if (list[0].StatusID == 1) != (row.Outcome == authn.Done) {
			t.Errorf("%s in %s: %s", row.Label(), row.From, list[0])
		}
		locked := slices.Contains(row.Then, "lock account")
		if locked != (len(list) == 2 && list[1].Activity == 9) {
			t.Errorf("%s in %s: %v", row.Label(), row.From, list)
		}
		if locked {
			locks++
		}
	}
	if locks == 0 {
		t.Error(`no row has the update "lock account"`)
	}
}

func TestOCSFOther(t *testing.T) {
	var log bytes.Buffer
	o := otelauthn.OCSF(slog.NewJSONHandler(&log, nil), nil)
	for _, x := range []struct {
		e    authn.AuditEvent
		want string
	}{
		{authn.AuditEvent{Event: authn.EventFactorDisabled}, "factor_disabled: 300105 Disable Success"},
		{authn.AuditEvent{Event: authn.EventFactorUnusable, Type: address, Err: "about " + address}, "factor_unusable: 300199 factor_unusable Failure factor cannot be used"},
		{authn.AuditEvent{Event: "ada@mail.example"}, "_OTHER: 300199 _OTHER Success"},
		{authn.AuditEvent{Event: authn.EventExpire, From: authn.Success, To: authn.Expired}, "expire: 300299 expire Success"},
		{authn.AuditEvent{Event: authn.EventVerify, From: authn.MFAChallenge, To: authn.MFAChallenge, Outcome: authn.LateCode, Type: authn.SMS}, "verify: 300201 Logon Failure late code mfa=true 1"},
		{authn.AuditEvent{Event: authn.EventVerify, To: authn.Success, Type: authn.Call}, "verify: 300206 Preauth Success mfa=true 3"},
		{authn.AuditEvent{Event: authn.EventVerify, To: authn.Success, Type: authn.TOTP}, "verify: 300206 Preauth Success mfa=true 7 totp"},
		{authn.AuditEvent{Event: authn.EventVerify, To: authn.Success, Type: "question"}, "verify: 300206 Preauth Success mfa=true 2"},
		{authn.AuditEvent{Event: authn.EventVerify, To: authn.Success, Type: "push"}, "verify: 300206 Preauth Success mfa=true 5"},
		{authn.AuditEvent{Event: authn.EventVerify, To: authn.Success, Type: "webauthn"}, "verify: 300206 Preauth Success mfa=true 10"},
		{authn.AuditEvent{Event: authn.EventRespond, To: authn.MFAChallenge, Type: "acme:pager"}, "respond: 300206 Preauth Success mfa=true 99"},
		{authn.AuditEvent{Event: authn.EventChangePassword, From: authn.PasswordExpired, To: authn.Success}, "change_password: 300103 Password Change Success"},
		{authn.AuditEvent{Event: authn.EventChangePassword, From: authn.PasswordWarn, To: authn.PasswordWarn, Outcome: authn.WrongCode}, "change_password: 300103 Password Change Failure INVALID_CREDENTIALS"},
		{authn.AuditEvent{Event: authn.EventResetPassword, From: authn.PasswordReset, To: authn.PasswordReset, Outcome: authn.Rejected}, "reset_password: 300104 Password Reset Failure rejected"},
		{authn.AuditEvent{Event: authn.EventResetPassword, From: authn.PasswordReset, Err: authn.ErrTooSoon.Error()}, "reset_password: 300104 Password Reset Failure too soon"},
		{authn.AuditEvent{Event: authn.EventChangePassword, From: authn.PasswordWarn, Err: authn.ErrTooSoon.Error()}, "change_password: 300103 Password Change Failure too soon"},
		{authn.AuditEvent{Event: authn.EventPass, From: "TERMS", To: authn.Success}, "pass: 300206 Preauth Success"},
		{authn.AuditEvent{Event: authn.EventPass, From: "TERMS", To: authn.Canceled, Outcome: authn.Denied}, "pass: 300201 Logon Failure denied"},
		{authn.AuditEvent{Event: authn.EventPass, From: "TERMS", To: authn.LockedOut, Outcome: authn.WrongCode, Guard: "wrong code, account exhausted"}, "pass: 300201 Logon Failure INVALID_CREDENTIALS\npass: 300109 Lock Success"},
		{authn.AuditEvent{Event: authn.EventForgetDevices}, "forget_devices: 300199 forget_devices Success"},
		{authn.AuditEvent{Event: authn.EventPrevious, To: authn.MFARequired, Type: authn.SMS}, "previous: 300206 Preauth Success"},
	} {
		x.e.Time, x.e.Account = authntest.Epoch(), "a"
		if err := o.Audit(t.Context(), x.e); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(log.String(), address) {
			t.Errorf("%s has the address", log.String())
		}
		if got := lines(t, &log); got != x.want {
			t.Errorf("got %s, want %s", got, x.want)
		}
	}
}

// badHandler writes nothing.
type badHandler struct{ slog.Handler }

var errHandler = errors.New("the disk is full")

func (badHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }
func (badHandler) Handle(context.Context, slog.Record) error    { return errHandler }

// What is not written is not taken, whatever the next Auditor says, and the other way
// around; and a level that is off is no error.
func TestOCSFErrors(t *testing.T) {
	e := authn.AuditEvent{Time: time.Unix(2e9, 0), Event: authn.EventSignedIn, Key: "key"}
	next := new(port)
	if err := otelauthn.OCSF(badHandler{}, next).Audit(t.Context(), e); !errors.Is(err, errHandler) || len(next.got) == 0 {
		t.Errorf("%v %v", err, next.got)
	}
	next.err = authntest.ErrDown
	if err := otelauthn.OCSF(slog.DiscardHandler, next).Audit(t.Context(), e); !errors.Is(err, authntest.ErrDown) {
		t.Error(err)
	}
	var log bytes.Buffer
	off := slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelError})
	if err := otelauthn.OCSF(off, nil).Audit(t.Context(), e); err != nil || log.Len() > 0 {
		t.Error(err, log.String())
	}
}
