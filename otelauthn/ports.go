package otelauthn

import (
	"maps"
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// Ports returns the configuration with every port wrapped: Store, Mailer, Senders,
// Directory, Limiter, Auditor, Passwords, Questions, the Keepers of Gates and the Verifiers of
// Types. A port that is nil stays nil, but for the Auditor, which counts: with an
// Auditor, a service reports each sign-in and each change of a factor by one more
// save. A Store is a Sweeper, a Clock or a Lister, a Directory has Contacts or is a Finder, and
// Passwords are an Unlocker, if what is wrapped is. The names of Gates become labels. cfg is not changed.
func (t *Telemetry) Ports(cfg authn.Config) authn.Config {
	now := cfg.Now
	if now == nil {
		now = time.Now
	}
	cfg.Auditor = t.auditor(cfg.Auditor, typesOf(cfg.Types))
	if cfg.Store != nil {
		cfg.Store = t.store(cfg.Store)
	}
	if cfg.Directory != nil {
		cfg.Directory = t.directory(cfg.Directory)
	}
	if cfg.Limiter != nil {
		cfg.Limiter = t.limiter(cfg.Limiter, now)
	}
	if cfg.Passwords != nil {
		cfg.Passwords = t.passwords(cfg.Passwords)
	}
	if cfg.Questions != nil {
		cfg.Questions = t.questions(cfg.Questions)
	}
	cfg.Gates = slices.Clone(cfg.Gates)
	for i := range cfg.Gates {
		g := &cfg.Gates[i]
		t.gates.Store(g.State, true)
		if g.Keeper != nil {
			g.Keeper = t.gatekeeper(g.Keeper)
		}
	}
	if cfg.Mailer != nil {
		cfg.Mailer = t.sender(cfg.Mailer, "email")
	}
	cfg.Senders = maps.Clone(cfg.Senders)
	for channel, s := range cfg.Senders {
		if s != nil {
			cfg.Senders[channel] = t.sender(s, channel)
		}
	}
	cfg.Types = slices.Clone(cfg.Types)
	for i := range cfg.Types {
		if v := &cfg.Types[i].Verifier; *v != nil {
			*v = t.verifier(*v)
		}
	}
	return cfg
}
