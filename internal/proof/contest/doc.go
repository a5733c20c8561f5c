// Package contest proves that parallel requests are as good as sequential ones.
//
// Two or three clients meet at one account. The tests run every order in which
// their calls can reach the store (8,071 schedules of 26 contests), and check
// that what each client is told, what is stored, what is mailed and what each
// code is worth afterward is what some sequential order leads to. A store that
// does not compare versions makes every contest fail. Other tests send hundreds
// of requests at once.
//
//	go test ./internal/proof/contest
//
// With -short or -race the largest contest is left out.
package contest

// Contests and Schedules are what TestInterleavings runs, for the page of the proof.
const (
	Contests  = 26
	Schedules = 8071
)
