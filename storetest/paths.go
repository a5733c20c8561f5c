package storetest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/script"
	"github.com/authnfsm/authn/internal/walks"
)

// Replay runs an [authn.Service] on s and compares its answers with recorded
// ones, on the shortest paths that reach every row of the table. The store
// must be empty, and is empty afterwards. [Run] calls Replay too.
func Replay(t *testing.T, s authn.Store) {
	answers, err := replay(t.Context(), s)
	if err != nil {
		t.Error(err)
	}
	if answers < leastAnswers {
		t.Errorf("%d answers were compared, want at least %d", answers, leastAnswers)
	}
	replayKinds(t, s)
}

// leastAnswers is below the number of recorded answers, and far above the
// number in any one file.
const leastAnswers = 400

func replay(ctx context.Context, s authn.Store) (answers int, err error) {
	files, err := fs.Glob(walks.Files, "*.txt")
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		text, e := fs.ReadFile(walks.Files, f)
		if e == nil {
			var n int
			n, e = script.Replay(ctx, string(text), s)
			answers += n
		}
		if e != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", f, e))
		}
	}
	return answers, err
}

// turns is a store that uses several clients of the same data in turn.
type turns struct {
	clients []authn.Store
	n       int
}

func (t *turns) next() authn.Store {
	t.n++
	return t.clients[t.n%len(t.clients)]
}

func (t *turns) Load(ctx context.Context, key string) (authn.Record, error) {
	return t.next().Load(ctx, key)
}

func (t *turns) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	return t.next().Save(ctx, key, old, r)
}

func (t *turns) Due(ctx context.Context, before time.Time, limit int) ([]string, error) {
	return askDue(ctx, t.next(), before, limit)
}
