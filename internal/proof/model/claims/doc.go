// Package claims compares the claims of a service with an independent reference.
//
// The reference is written from the documentation and shares no code with the
// machine. It knows what was claimed, which codes and links went out and to whom,
// what each name and each mailbox was charged, and what a right code begins: of an
// account that exists already it takes the ledger (locks, counts, starts) as it is
// stored, and predicts what changes. Package model has the reference of all else
// that happens to an account.
//
// Random histories claim names that are somebody's, nobody's, or share a mailbox;
// send codes that are right, wrong, late, malformed, replaced or of another claim;
// open links; repeat events with and without a key; revoke, reinstate, erase and
// change passwords between a claim and its code; move addresses; lock accounts; and
// make ports fail at any call. After every event the answer, the records that have
// changed and the messages that were sent are compared with the reference.
//
// The random histories are TestModelClaims of the root package:
//
//	go test . -run TestModelClaims
//	RAPID_CHECKS=700 go test . -run TestModelClaims
package claims
