package authn

import "fmt"

// supply finds out what a step lacks. What the Limiter, Passwords and a Gatekeeper say
// holds for all re-runs of the call.
func (s *Service) supply(c *call, env *Env, lack *Lack) error {
	switch {
	case lack.Factors:
		return s.list(c, env)
	case lack.Check != nil:
		return safely("verifier", func() error {
			v, err := s.m.typeOf(lack.Check.Factor.Type).Verifier.Verify(c.ctx, *lack.Check)
			env.Verdict = &v
			return err
		})
	case lack.Claimed != nil:
		sub, err := s.find(c.ctx, *lack.Claimed)
		if err == nil {
			c.subject, env.Subject = &sub, &sub
		}
		return err
	case lack.Question:
		q := s.questionOf(c, c.user)
		env.Question = &q
		return nil
	case lack.Password != nil, lack.Input != nil, lack.Reply != nil:
		return s.askHost(c, env, lack)
	case lack.Gate != "":
		s.askNeeded(c, env, lack.Gate)
		return nil
	}
	err := safely("limiter", func() (err error) {
		c.limited, err = s.cfg.Limiter.Allow(c.ctx, lack.Attempt)
		return err
	})
	if err == nil {
		c.allowed = true
		env.Limited, env.LimitLater = c.limited, false
	}
	return err
}

// errNoPasswords is met by a service that shares its store with one that has them.
var errNoPasswords = fmt.Errorf("%w: no Passwords here", ErrUnavailable)

// errNoQuestions is met by a service that shares its store with one that has them.
var errNoQuestions = fmt.Errorf("%w: no Questions here", ErrUnavailable)

// unnamedQuestion stands for one that Questions cannot say: a fault is no way past it.
const unnamedQuestion = "?"

// questionOf is what the user is asked in recovery, once found out for the whole call; ""
// is nothing.
func (s *Service) questionOf(c *call, user string) string {
	if c.question == nil {
		var q string
		if s.cfg.Questions != nil {
			err := safely("questions", func() (err error) {
				q, err = s.cfg.Questions.Question(c.ctx, user)
				return err
			})
			if err != nil {
				q = unnamedQuestion
			}
		}
		c.question = &q
	}
	return *c.question
}

// askHost asks Passwords, or the Keeper of a gate.
func (s *Service) askHost(c *call, env *Env, lack *Lack) error {
	var v Verdict
	port := "passwords"
	switch {
	case lack.Input != nil:
		port = "gatekeeper"
	case lack.Reply != nil:
		if port = "questions"; s.cfg.Questions == nil {
			return errNoQuestions
		}
	case s.cfg.Passwords == nil:
		return errNoPasswords
	}
	err := safely(port, func() (err error) {
		if lack.Reply != nil {
			v, err = s.cfg.Questions.Check(c.ctx, *lack.Reply)
		} else if lack.Input != nil {
			v, err = s.keeper(lack.Gate).Check(c.ctx, *lack.Input)
		} else {
			v, err = s.cfg.Passwords.Check(c.ctx, *lack.Password)
		}
		return err
	})
	if err == nil {
		c.verdict, env.Verdict = &v, &v
	}
	return err
}

// askNeeded asks the Keeper of a gate whether it is needed. What it cannot say is
// needed, so that a fault is no way past it.
func (s *Service) askNeeded(c *call, env *Env, gate State) {
	needed := true
	err := safely("gatekeeper", func() (err error) {
		needed, err = s.keeper(gate).Needed(c.ctx, c.user)
		return err
	})
	if c.needed == nil {
		c.needed = map[State]bool{}
	}
	c.needed[gate] = needed || err != nil
	env.Needed = c.needed
}

// keeper is that of a gate of the machine's list; nil if it has none of this name.
func (s *Service) keeper(gate State) Gatekeeper {
	for i := range s.cfg.Gates {
		if s.cfg.Gates[i].State == gate {
			return s.cfg.Gates[i].Keeper
		}
	}
	return nil
}
