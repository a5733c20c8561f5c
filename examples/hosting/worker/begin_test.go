package worker

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/authnfsm/authn/internal/servers"

	"github.com/authnfsm/authn"
)

// A claim that a worker has left behind is taken over when no worker can be
// busy with it any more, and not before.
func TestClaim(t *testing.T) {
	nc, err := nats.Connect(servers.Named(t, servers.NATS))
	if err != nil {
		servers.Missing(t, "the server for tests does not answer, or has no JetStream: %v", err)
	}
	defer nc.Close()
	kv, err := openBegun(t.Context(), nc)
	if err != nil {
		t.Fatal(err)
	}
	key := nats.NewInbox()
	w := &worker{begun: kv, claimed: time.Hour}
	first, _, err := w.claim(t.Context(), key, "ada")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.claim(t.Context(), key, "ada"); !errors.Is(err, authn.ErrUnavailable) {
		t.Errorf("a claim that is in use: %v", err)
	}
	w.claimed = 0
	second, b, err := w.claim(t.Context(), key, "ada")
	if err != nil || b.Token != "" || second <= first {
		t.Errorf("a claim that is left behind: %d, %+v, %v", second, b, err)
	}
	if _, err := kv.Update(t.Context(), key, []byte("{}"), first); err == nil {
		t.Error("who has lost the claim can still write")
	}
}
