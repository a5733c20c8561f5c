package sqlstore_test

import (
	"testing"
)

// TestKeysPages lists as many records as fit in whole pages, one less and one more.
func TestKeysPages(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		for _, n := range []int{499, 500, 501, 1000, 1001} {
			db := p.migrated(t)
			run(t, db, "DELETE FROM "+p.table())
			fill(t, db, p, n, 7)
			s := newStore(t, db, p.Config)
			got, last := 0, ""
			for key, err := range s.Keys(t.Context()) {
				if err != nil || key <= last {
					t.Fatalf("%q after %q, %v", key, last, err)
				}
				got, last = got+1, key
			}
			if got != n {
				t.Errorf("%d keys of %d records", got, n)
			}
		}
	})
}
