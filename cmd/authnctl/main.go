// Command authnctl is for those who run a host of authn: it shows, lists and explains
// accounts, unlocks, revokes and erases them, seals records anew before a key goes, and
// checks the store. It needs the store, the keys and the tenant of the host, and none of
// its ports.
//
//	export AUTHN_STORE=postgres://authn:PASSWORD@db.internal/signin
//	export AUTHN_KEYS=2:BASE64,1:BASE64 AUTHN_PSEUDONYM_KEY=BASE64
//	authnctl doctor
//	authnctl show ada
//	authnctl unlock -reason 'ticket 4711: called back' ada
//
// Each flag has an environment variable; secrets have nothing else, as other users of a
// machine see the arguments of its programs.
//
//	-store           AUTHN_STORE      sqlite:FILE, postgres://…, mysql://…, redis://…, or one member of a cluster:
//	                                  etcd://… or nats://…, with TLS etcds://… or tls://…; a password only in AUTHN_STORE
//	-prefix          AUTHN_PREFIX     of the names of tables or keys, or the bucket, if the host has set one
//	-tenant          AUTHN_TENANT     Config.Tenant of the host
//	-keys            AUTHN_KEYS_FILE  a file with the keys that only its owner may read, as JSON:
//	                                  {"keys": [{"id": 2, "secret": "BASE64"}], "pseudonymKey": "BASE64"}
//	                 AUTHN_KEYS       without a file: ID:BASE64, separated by commas, the one in use first
//	                 AUTHN_PSEUDONYM_KEY
//	-policy          AUTHN_POLICY     a file with Config.Policy of the host, as JSON: {"Lock": "1h", "FailuresPerDay": 30};
//	                                  none if it is the zero value
//	-audit           AUTHN_AUDIT      a file that a JSON line is appended to for each change; standard error by default
//	-allow-volatile                   use a store that may lose saves, with a warning
//
// Commands and exit codes are those of package operate. If the host has Gates or Types,
// or to tend, make a program of the host's own with that package.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/operate"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := tool(os.Getenv).Run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// options are the flags.
type options struct {
	getenv                                     func(string) string
	store, prefix, tenant, keys, policy, audit string
	volatile                                   bool
}

// tool is the program in an environment.
func tool(getenv func(string) string) *operate.Tool {
	o := &options{getenv: getenv}
	return &operate.Tool{Name: "authnctl", Flags: o.flags, Open: o.open}
}

func (o *options) flags(fs *flag.FlagSet) {
	fs.StringVar(&o.store, "store", "", "sqlite:`FILE`, postgres://…, mysql://…, redis://…, etcd://… or nats://…, without a password (AUTHN_STORE, also with one)")
	fs.StringVar(&o.prefix, "prefix", o.getenv("AUTHN_PREFIX"), "`PREFIX` of the names of tables or keys, or the bucket, if the host has set one (AUTHN_PREFIX)")
	fs.StringVar(&o.tenant, "tenant", o.getenv("AUTHN_TENANT"), "`TENANT` of the host (AUTHN_TENANT)")
	fs.StringVar(&o.keys, "keys", o.getenv("AUTHN_KEYS_FILE"), "`FILE` with the keys, that only its owner may read (AUTHN_KEYS_FILE, or AUTHN_KEYS and AUTHN_PSEUDONYM_KEY)")
	fs.StringVar(&o.policy, "policy", o.getenv("AUTHN_POLICY"), "`FILE` with the Policy of the host (AUTHN_POLICY)")
	fs.StringVar(&o.audit, "audit", o.getenv("AUTHN_AUDIT"), "`FILE` that changes are appended to (AUTHN_AUDIT); default standard error")
	fs.BoolVar(&o.volatile, "allow-volatile", false, "use a store that may lose saves, with a warning")
}

// open is the configuration that the flags and the environment have. What is wrong with
// them is found before the store is opened, and no error quotes a key or a password.
func (o *options) open(ctx context.Context) (cfg authn.Config, end func() error, err error) {
	cfg.Tenant = o.tenant
	if cfg.Keys, cfg.PseudonymKey, err = o.ring(); err != nil {
		return cfg, nil, err
	}
	if o.policy != "" {
		if cfg.Policy, err = readPolicy(o.policy); err != nil {
			return cfg, nil, wrong("-policy: %v", err)
		}
	}
	log := os.Stderr
	if o.audit != "" {
		if log, err = os.OpenFile(o.audit, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600); err != nil {
			return cfg, nil, wrong("-audit: %v", err)
		}
	}
	audit := &auditor{to: slog.NewJSONHandler(log, nil)}
	cfg.Auditor = audit
	st, err := o.openStore(ctx)
	if err != nil {
		return cfg, nil, fmt.Errorf("-store: %w", err)
	}
	cfg.Store = st.Store
	return cfg, func() error {
		err := errors.Join(audit.failed, st.close())
		if log != os.Stderr {
			err = errors.Join(err, log.Close())
		}
		return err
	}, nil
}

// wrong is an error of the command line or the environment.
func wrong(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{operate.ErrUsage}, args...)...)
}

// auditor writes what has happened. It has the account's pseudonym, and no user.
type auditor struct {
	to     slog.Handler
	failed error // what could not be written: the service goes on without
}

// Audit implements [authn.Auditor].
func (a *auditor) Audit(ctx context.Context, e authn.AuditEvent) error {
	r := slog.NewRecord(e.Time, slog.LevelInfo, "authnctl", 0)
	r.AddAttrs(slog.Any("authn", e))
	err := a.to.Handle(ctx, r)
	if err != nil && a.failed == nil {
		a.failed = fmt.Errorf("what was done is not in the audit log: %w", err)
	}
	return err
}
