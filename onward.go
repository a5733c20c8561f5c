package authn

import "slices"

// A row that goes onward leads to the first stop, from its stage on, that still asks
// for something. The compiler writes it out, one edge for each stop.
type stage uint8

const (
	_ stage = iota
	fromPassword
	fromGates
)

// A stop is where one answer leads on the way onward.
type stop struct {
	at   stage
	when guard
	To   State
	Then do
	Emit emit
}

// stops are in the order in which they are come to. Behind them are the gates, and
// behind the gates is SUCCESS: see end.
var stops = [...]stop{
	{fromPassword, passwordExpired, PasswordExpired, nil, nil},
	{fromPassword, passwordToReset, PasswordReset, nil, nil},
	{fromPassword, passwordExpiring, PasswordWarn, nil, nil},
}

// The end is behind all gates.
var (
	end       = stop{when: gatesPassed, To: Success, Then: do{succeed}, Emit: emit{reportSignIn}}
	endAtOnce = stop{when: redeemsAtOnce, To: Success, Then: do{succeed, useSession}, Emit: emit{reportSignIn}}
)

// passed are the answers that say that nothing stands in the way at a stage.
var passed = [...]guard{passwordFine, gatesPassed, redeemsLater}

// stops are the rows that a row in a cell stands for: itself, unless it goes onward.
func (p *program) stops(r *row, c cell) (rows []*row) {
	if r.Onward == 0 {
		return []*row{r}
	}
	when := r.When
	if r.Onward == fromPassword {
		for _, s := range stops {
			rows = append(rows, r.to(s, when))
		}
		when = append(slices.Clip(when), passwordFine)
	}
	for i, g := range p.gates {
		if guard := gateFirst + guard(i); !p.isBehind(guard, c.State) {
			rows = append(rows, r.to(stop{when: guard, To: g.State, Then: do{enterGate}}, when))
		}
	}
	if p.excludes(redeemsAtOnce, c) {
		return append(rows, r.to(end, when))
	}
	return append(rows, r.to(end, append(slices.Clip(when), redeemsLater)), r.to(endAtOnce, append(slices.Clip(when), gatesPassed)))
}

// to is the row that goes onward, with the guards that it has so far, to a stop.
func (r *row) to(s stop, when all) *row {
	x := *r
	x.Onward, x.To = 0, s.To
	x.When = append(slices.Clip(when), s.when)
	x.Then = append(slices.Clip(r.Then), s.Then...)
	x.Emit = append(slices.Clip(r.Emit), s.Emit...)
	return &x
}
