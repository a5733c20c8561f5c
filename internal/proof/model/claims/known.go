package claims

// Where the service is known to differ from its documentation. With false the reference
// is strict, and a history that shows the difference fails.
const (
	// What follows an answer does not look whether the code that it sends is still good.
	knownCrossing = true
	// A name that has three claims under way, one of them proved and still answering
	// repeats, loses the oldest of the others to the next claim.
	knownCrowd = true
)
