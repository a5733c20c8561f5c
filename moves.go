package authn

import "encoding/hex"

// takenRow is a row that was taken.
type takenRow struct {
	edge   *edge
	tx     id
	rev    uint8
	factor string // at hand
	kind   string // its type
}

// maxMoves is how many rows one step can take: one for each transaction there
// is, and one for a transaction that begins.
const maxMoves = maxTx + 1

// A Move is a row that a step has taken.
type Move struct {
	Transaction string // public id
	Step        int    // of that transaction, counted from 1
	Factor      string // id of the factor at hand
	Type        string // of that factor
	Row         Transition
}

// Moves lists the rows that the step has taken, the event's own and those of
// the account's other transactions.
func (r *Result) Moves() []Move {
	ms := make([]Move, r.nmoves)
	for i := range ms {
		m := &r.moves[i]
		ms[i] = Move{Transaction: hex.EncodeToString(m.tx[:]), Step: int(m.rev), Factor: m.factor, Type: m.kind, Row: m.edge.transition()}
	}
	return ms
}
