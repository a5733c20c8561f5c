package pages

import (
	"os"
	"testing"
)

// The pages name files as seen from the root of the repository.
func TestMain(m *testing.M) {
	if err := os.Chdir("../../.."); err != nil {
		panic(err)
	}
	m.Run()
}
