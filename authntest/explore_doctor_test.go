package authntest

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/race"
)

// doctored is a machine with something wrong. What it has no function for, it
// does as the real one.
type doctored struct {
	probe
	step    func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error
	begin   func(d *doctored, a *authn.Account, l authn.Login, env authn.Env, r *authn.Result) error
	redeem  func(d *doctored, a *authn.Account, h authn.TokenSecret, env authn.Env, r *authn.Result) (*authn.Assertion, error)
	respond func(d *doctored, a *authn.Account, approval authn.Secret, reply authn.Reply, env authn.Env, r *authn.Result) error
	tend    func(d *doctored, a *authn.Account, now time.Time, r *authn.Result) ([]authn.Effect, error)
	attempt func(errs []error)
	status  func(ans *authn.Answer)
	check   func(c *authn.Check)
	job     func(job *authn.Job)
	explain func(row *authn.Transition)
	open    func(d *doctored, b []byte, key string) (authn.Account, error)
	record  func(d *doctored, a *authn.Account, r *authn.Record)
	view    func(v *authn.AccountView)
	moves   func(ms []authn.Move) []authn.Move
	effects func(es []authn.Effect) []authn.Effect

	ids    map[authn.TokenSecret]string
	codes  map[string][]authn.Code // that were sent for a transaction
	before map[authn.TokenSecret]authn.Account
	calls  int
	list   []authn.Factor
	prompt authn.Prompt // the last one of a factor that was enrolled
}

func (d *doctored) Begin(a *authn.Account, l authn.Login, env authn.Env, r *authn.Result) error {
	d.ids[authn.TokenSecret(env.Entropy[16:48])] = idOf(env)
	if d.begin != nil {
		return d.begin(d, a, l, env, r)
	}
	return d.probe.Begin(a, l, env, r)
}

func (d *doctored) Step(a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
	if d.step != nil {
		return d.step(d, a, h, ev, env, r)
	}
	return d.probe.Step(a, h, ev, env, r)
}

func (d *doctored) Redeem(a *authn.Account, h authn.TokenSecret, env authn.Env, r *authn.Result) (*authn.Assertion, error) {
	if d.redeem != nil {
		return d.redeem(d, a, h, env, r)
	}
	return d.probe.Redeem(a, h, env, r)
}

func (d *doctored) Respond(a *authn.Account, approval authn.Secret, reply authn.Reply, env authn.Env, r *authn.Result) error {
	if d.respond != nil {
		return d.respond(d, a, approval, reply, env, r)
	}
	return d.probe.Respond(a, approval, reply, env, r)
}

func (d *doctored) Checks(a *authn.Account, h authn.TokenSecret, env authn.Env) ([]authn.Check, error) {
	cs, err := d.probe.Checks(a, h, env)
	if d.check != nil {
		for i := range cs {
			d.check(&cs[i])
		}
	}
	return cs, err
}

func (d *doctored) Tend(a *authn.Account, now time.Time, r *authn.Result) ([]authn.Effect, error) {
	if d.tend != nil {
		return d.tend(d, a, now, r)
	}
	return d.probe.Tend(a, now, r)
}

func (d *doctored) Acknowledge(a *authn.Account, es []authn.Effect, errs []error, now time.Time) (authn.Account, bool, error) {
	if d.attempt != nil {
		errs = slices.Clone(errs)
		d.attempt(errs)
	}
	return d.probe.Acknowledge(a, es, errs, now)
}

func (d *doctored) Status(a *authn.Account, h authn.TokenSecret, env authn.Env) (*authn.Answer, error) {
	ans, err := d.probe.Status(a, h, env)
	if err != nil {
		return nil, err
	}
	if ans.Prompt.URI != "" || ans.Prompt.Codes != nil {
		d.prompt = ans.Prompt
	}
	if d.status != nil {
		d.status(ans)
	}
	return ans, nil
}

func (d *doctored) Explain(a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env) ([][2]string, authn.Transition, error) {
	asked, row, err := d.probe.Explain(a, h, ev, env)
	if err == nil && d.explain != nil {
		d.explain(&row)
	}
	return asked, row, err
}

func (d *doctored) Job(a *authn.Account, key string, e authn.Effect, fs []authn.Factor, now time.Time) (authn.Job, error) {
	job, err := d.probe.Job(a, key, e, fs, now)
	if err == nil && job.Message != nil && job.Message.Code != "" {
		if list := d.codes[e.Transaction]; !slices.Contains(list, job.Message.Code) {
			d.codes[e.Transaction] = append(list, job.Message.Code)
		}
	}
	if err == nil && d.job != nil {
		d.job(&job)
	}
	return job, err
}

func (d *doctored) Open(b []byte, key string) (authn.Account, error) {
	if d.open != nil {
		return d.open(d, b, key)
	}
	return d.probe.Open(b, key)
}

func (d *doctored) Record(a *authn.Account, key string, version uint64) authn.Record {
	r := d.probe.Record(a, key, version)
	if d.record != nil {
		d.record(d, a, &r)
	}
	return r
}

func (d *doctored) View(a *authn.Account) authn.AccountView {
	v := d.probe.View(a)
	if d.view != nil {
		d.view(&v)
	}
	return v
}

func (d *doctored) Moves(r *authn.Result) []authn.Move {
	if ms := d.probe.Moves(r); d.moves == nil {
		return ms
	} else {
		return d.moves(ms)
	}
}

func (d *doctored) Effects(r *authn.Result) []authn.Effect {
	if es := d.probe.Effects(r); d.effects == nil {
		return es
	} else {
		return d.effects(es)
	}
}

// right is the live code of a transaction: of all that were sent for it, on
// whatever path, the one that the real machine takes.
func (d *doctored) right(a *authn.Account, h authn.TokenSecret, env authn.Env) authn.Code {
	for _, code := range d.codes[d.ids[h]] {
		for _, ev := range []authn.Event{authn.Verify{Code: code}, authn.Activate{Code: code}} {
			var r authn.Result
			if err := d.probe.Step(a, h, ev, env, &r); err == nil && r.Outcome == authn.Done && !r.Ended {
				return code
			}
		}
	}
	return "000000"
}

// tx is the transaction with a handle, as it really is.
func (d *doctored) tx(a *authn.Account, h authn.TokenSecret) *authn.TransactionView {
	if t := transaction(new(d.probe.View(a)), d.ids[h]); t != nil {
		return t
	}
	return new(authn.TransactionView)
}

// handles are those of the transactions in a state.
func (d *doctored) handles(a *authn.Account, s authn.State) (hs []authn.TokenSecret) {
	for h := range d.ids {
		if d.tx(a, h).State == s {
			hs = append(hs, h)
		}
	}
	return hs
}

// another is a code like one that was refused as used, but another one.
func (d *doctored) another(code authn.Code, env authn.Env) authn.Code {
	if n := len(d.prompt.Codes); n > 0 {
		return d.prompt.Codes[n-1]
	}
	a, _ := readApp(d.prompt.URI)
	return a.code(a.at(env.Now) + 1)
}

// TestDoctored holds machines that are wrong against the rules: each is caught,
// by the rule that it breaks, and each rule catches one.
func TestDoctored(t *testing.T) {
	if race.Detector() {
		t.Skip("it is one goroutine")
	}
	caught := map[string]bool{}
	for _, c := range slices.Concat(wrongMachines, wrongProofs, wrongInputs) {
		o := explorations[c.in]
		if brief() && c.in == "account" {
			continue
		}
		d := c.machine
		d.probe = bare{machineOf(t, o)}
		d.ids, d.codes, d.before = map[authn.TokenSecret]string{}, map[string][]authn.Code{}, map[authn.TokenSecret]authn.Account{}
		if c.options != nil {
			c.options(&o)
		}
		x := newExplorer(&d, o)
		x.rules = slices.DeleteFunc(x.rules, func(r Rule) bool { // which look ahead, and would be the first to object
			return strings.HasSuffix(r.Name, "at once") && r.Name != c.rule
		})
		var b *broken
		err := x.explore()
		if !errors.As(err, &b) {
			t.Errorf("%s: nobody objects: %v, after %d steps", c.name, err, x.found.Steps)
			continue
		}
		t.Logf("%s: caught by %q after %d steps", c.name, b.rules, x.found.Steps)
		if !slices.Contains(b.rules, c.rule) {
			t.Errorf("%s: want it caught by %q\n%v", c.name, c.rule, err)
		}
		caught[c.rule] = true
	}
	for _, r := range Rules() {
		if !caught[r.Name] && !brief() {
			t.Errorf("no machine breaks the rule %q", r.Name)
		}
	}
}
