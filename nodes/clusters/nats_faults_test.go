package clusters

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/natsstore"
)

// hooked does something else before, or instead of, a publication.
type hooked struct {
	jetstream.JetStream
	hook func(publish func() error) error // nil: only publish
	sent int

	patient bool // there was a publication without a deadline
}

func (h *hooked) PublishMsg(ctx context.Context, m *nats.Msg, opts ...jetstream.PublishOpt) (ack *jetstream.PubAck, err error) {
	h.sent++
	if _, ok := ctx.Deadline(); !ok {
		h.patient = true
	}
	publish := func() error {
		ack, err = h.JetStream.PublishMsg(ctx, m, opts...)
		return err
	}
	if h.hook == nil {
		return ack, publish()
	}
	return ack, h.hook(publish)
}

// TestNATSRefused checks what a save makes of a publication that is refused or whose
// answer is lost.
func TestNATSRefused(t *testing.T) {
	c := startCluster(t, jetStream, 1)
	const name = "refused"
	c.store(t, name)
	js := &hooked{JetStream: c.one.(natsClient).JetStream}
	s, err := natsstore.New(t.Context(), js, natsstore.Config{Bucket: name, Synced: true, WithoutTend: true})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "KV_"+name)
	if err != nil {
		t.Fatal(err)
	}
	version := uint64(0)
	save := func(key string, old uint64, value string) error {
		version++
		js.sent = 0
		return s.Save(t.Context(), key, old, authn.Record{Value: []byte(value), Version: version})
	}

	// The answer is lost.
	js.hook = func(publish func() error) error { _ = publish(); return errLost }
	wantLost(t, save("lost", 0, "v"), js.sent)
	if r, err := s.Load(t.Context(), "lost"); err != nil || r.Version != version {
		t.Errorf("the record is %+v, %v", r, err)
	}

	// The marker of a deleted record has a time to live. When it is removed between the
	// look at it and the save, nobody else has changed the record.
	js.hook = nil
	if err := errors.Join(save("gone", 0, "v"), save("gone", version, "")); err != nil {
		t.Fatal(err)
	}
	const subject = "$KV." + name + ".gone"
	m, err := stream.GetLastMsgForSubject(t.Context(), subject)
	if err != nil || m.Header.Get("Nats-TTL") == "" {
		t.Errorf("the marker is %+v, %v", m, err)
	}
	js.hook = func(publish func() error) error {
		if js.sent == 1 {
			if err := stream.Purge(t.Context(), jetstream.WithPurgeSubject(subject)); err != nil {
				return err
			}
		}
		return publish()
	}
	if err := save("gone", 0, "v"); err != nil || js.sent != 2 {
		t.Errorf("sent %d times: %v", js.sent, err)
	}

	// The leader refuses although nothing changes, and then takes it; or it never does.
	refusal := &jetstream.APIError{ErrorCode: jetstream.JSErrCodeStreamWrongLastSequenceConstant}
	js.hook = func(publish func() error) error {
		if js.sent < 3 {
			return refusal
		}
		return publish()
	}
	if err := save("slow", 0, "v"); err != nil || js.sent != 3 {
		t.Errorf("sent %d times: %v", js.sent, err)
	}
	js.hook = func(func() error) error { return refusal }
	if err := save("slow", version, "w"); !errors.Is(err, natsstore.ErrBusy) || errors.Is(err, authn.ErrConflict) {
		t.Errorf("a leader that is busy: %v", err)
	}

	// Somebody else is first.
	js.hook = func(publish func() error) error {
		js.hook = nil
		if err := save("raced", 0, "first"); err != nil {
			return err
		}
		return publish()
	}
	if err := save("raced", 0, "second"); !errors.Is(err, authn.ErrConflict) {
		t.Errorf("who is second: %v", err)
	}

	if js.patient {
		t.Error("a publication has no deadline, although the caller has none either")
	}
}
