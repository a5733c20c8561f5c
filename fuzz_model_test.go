package authn_test

import (
	"hash/fnv"
	"math/rand/v2"
	"testing"
	"testing/cryptotest"

	"pgregory.net/rapid"
)

// FuzzModel is TestModel with the fuzzer to choose what happens: the bytes
// are the draws.
func FuzzModel(f *testing.F) {
	for seed := range uint64(8) {
		b := make([]byte, 4<<10) // a short one is used up before anything happens
		rand.NewChaCha8([32]byte{byte(seed)}).Read(b)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h := fnv.New64()
		h.Write(b)
		cryptotest.SetGlobalRandom(t, h.Sum64())
		rapid.MakeFuzz(func(r *rapid.T) { model(r, map[string]int{}) })(t, b)
	})
}
