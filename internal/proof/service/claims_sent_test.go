package service

import (
	"context"
	"testing"
	"time"

	"github.com/authnfsm/authn"
)

// The code of a claim is sent once, whatever becomes of its record afterwards.
func TestClaimIsSentOnce(t *testing.T) {
	for _, name := range []string{"ada", "nobody"} {
		h, _, _ := claiming(t, nil)
		claim(t, h, authn.Claim{Name: name})
		h.Wait(5 * time.Minute)
		claim(t, h, authn.Claim{Name: name})
		h.Wait(5*time.Minute + time.Second) // the first one is over
		ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
		did, err := h.Tend(ctx)
		stop()
		sent := map[string]int{"ada": 2}[name]
		if n := len(h.World.Messages("")); err != nil || did.Ended != 1 || did.Delivered != 0 || n != sent {
			t.Errorf("%s: %+v, %v; %d messages, want %d", name, did, err, n, sent)
		}
	}
}
