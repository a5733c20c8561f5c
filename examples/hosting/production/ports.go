package main

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/client"
)

// auditor writes every event to the log. Events hold no secret and no address.
type auditor struct{ log *slog.Logger }

// Audit implements [authn.Auditor].
func (a auditor) Audit(ctx context.Context, e authn.AuditEvent) error {
	a.log.InfoContext(ctx, "authn", "audit", e)
	return nil
}

// limiter is an [authn.Limiter]. It allows each client's network a number of
// attempts in a clock hour, for each event by itself. All nodes share the
// counts.
type limiter struct {
	db      *sql.DB
	perHour int
}

// Allow implements [authn.Limiter].
func (l *limiter) Allow(ctx context.Context, a authn.Attempt) (retryAt time.Time, err error) {
	hour := time.Now().Truncate(time.Hour)
	var n int
	err = l.db.QueryRowContext(ctx, `
		INSERT INTO attempts VALUES ($1, $2, $3, 1)
		ON CONFLICT (client, event, hour) DO UPDATE SET n = attempts.n + 1
		RETURNING n`, client.Network(ctx), string(a.Event), hour).Scan(&n)
	if err == nil && n > l.perHour {
		retryAt = hour.Add(time.Hour)
	}
	return retryAt, err
}

func (l *limiter) removeExpired(ctx context.Context) error {
	_, err := l.db.ExecContext(ctx, "DELETE FROM attempts WHERE hour < $1", time.Now().Add(-time.Hour))
	return err
}

// keysFrom reads the key ring and the pseudonym key. Its errors do not quote
// them.
func keysFrom(getenv func(string) string) (ring []authn.Key, pseudonym []byte, err error) {
	for entry := range strings.SplitSeq(getenv("AUTHN_KEYS"), ",") {
		id, secret, _ := strings.Cut(entry, ":")
		n, err1 := strconv.ParseUint(id, 10, 32)
		b, err2 := base64.StdEncoding.DecodeString(secret)
		if err1 != nil || err2 != nil {
			return nil, nil, errors.New("AUTHN_KEYS is not of the form ID:BASE64,ID:BASE64")
		}
		ring = append(ring, authn.Key{ID: uint32(n), Secret: b})
	}
	if pseudonym, err = base64.StdEncoding.DecodeString(getenv("AUTHN_PSEUDONYM_KEY")); err != nil {
		return nil, nil, errors.New("AUTHN_PSEUDONYM_KEY is not base64")
	}
	return ring, pseudonym, nil
}
