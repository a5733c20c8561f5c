package pages

import (
	"os"
	"testing"
)

// The tests run in the root of the repository, since the pages name files there.
func TestMain(m *testing.M) {
	if err := os.Chdir("../../.."); err != nil {
		panic(err)
	}
	m.Run()
}
