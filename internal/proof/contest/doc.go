// Package contest checks that concurrent requests are linearizable.
//
// Two or three clients use one account. The tests run every interleaving of their
// calls to the store (11,881 schedules of 54 contests). The answers, the records,
// the mails and the effect of each code afterward must equal those of some
// sequential order. With a store that does not compare versions, every contest
// fails. Other tests send hundreds of requests at once.
//
//	go test ./internal/proof/contest
//
// -short and -race skip the largest contest.
package contest

// Contests and Schedules count what TestInterleavings runs, for proof.md.
const (
	Contests  = 54
	Schedules = 12850
)
