package sendertest

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/authnfsm/authn"
)

var kinds = []authn.MessageKind{
	authn.CodeMessage, authn.BackoffMessage, authn.LockedMessage, authn.ActivatedMessage, authn.RecoveryMessage, authn.StartsMessage,
	authn.PasswordMessage,
}

// purposes are those of codes, beside PurposeSignIn.
var purposes = []authn.Purpose{authn.PurposeEnroll, authn.PurposeRecover, authn.PurposeUnlock, authn.PurposeSignUp}

func checkKinds(ctx context.Context, b *bench) error {
	var ms []authn.Message
	for _, k := range kinds {
		ms = append(ms, b.message(k))
	}
	for _, p := range purposes {
		m := b.message(authn.CodeMessage)
		m.Purpose, m.Code = p, ms[0].Code // so that no text differs by its code
		ms = append(ms, m)
	}
	forever := b.message(authn.LockedMessage)
	forever.Until = time.Time{}
	ms = append(ms, forever)
	got, err := b.send(ctx, ms...)
	if err != nil {
		return err
	}
	seen := make(map[string]authn.MessageKind)
	for i, m := range got {
		text := strings.TrimSpace(m.Text)
		if text == "" {
			return fmt.Errorf("kind %q has no text", ms[i].Kind)
		}
		if other, ok := seen[text]; ok {
			return fmt.Errorf("messages of kinds %q and %q have the same text", other, ms[i].Kind)
		}
		seen[text] = ms[i].Kind
	}
	return nil
}

func checkCode(ctx context.Context, b *bench) error {
	var ms []authn.Message
	for _, c := range []authn.Code{"000000", "000042", "900000", "0123456", "01234567", "000000000042", "981726354098"} {
		m := b.message(authn.CodeMessage)
		m.Code = c
		ms = append(ms, m)
	}
	got, err := b.send(ctx, ms...)
	if err != nil {
		return err
	}
	for i, m := range got {
		for part, s := range m.parts() {
			if !says(s, string(ms[i].Code)) {
				return fmt.Errorf("the %s part does not have code %s", part, string(ms[i].Code))
			}
		}
	}
	return nil
}

func checkGeneration(ctx context.Context, b *bench) error {
	m := b.message(authn.CodeMessage)
	m.Generation = 37
	got, err := b.send(ctx, m)
	if err != nil {
		return err
	}
	for part, s := range got[0].parts() {
		if !says(s, strconv.Itoa(m.Generation)) {
			return fmt.Errorf("the %s part does not have generation %d", part, m.Generation)
		}
	}
	return nil
}

func checkTimes(ctx context.Context, b *bench) error {
	code, locked := b.message(authn.CodeMessage), b.message(authn.LockedMessage)
	got, err := b.send(ctx, code, locked)
	if err != nil {
		return err
	}
	for i, at := range []time.Time{code.Expires, locked.Until} {
		want := at.UTC().Format("15:04")
		for part, s := range got[i].parts() {
			if !strings.Contains(s, want) {
				return fmt.Errorf("the %s part does not have %s, the time in UTC", part, want)
			}
		}
	}
	// A lock may end on another day.
	day := locked.Until.UTC().Day()
	for part, s := range got[1].parts() {
		if !regexp.MustCompile(fmt.Sprintf(`(^|[^0-9:])0?%d($|[^0-9:])`, day)).MatchString(s) {
			return fmt.Errorf("the %s part does not have %d, the day in UTC on which the lock ends", part, day)
		}
	}
	return nil
}

func checkNotice(ctx context.Context, b *bench) error {
	for _, k := range kinds {
		if k == authn.CodeMessage {
			continue
		}
		m := b.message(k)
		m.Code, m.Generation, m.Expires = "918273645", 1, b.now.Add(time.Minute)
		if err := b.mail(ctx, m); err != nil {
			continue // refusing the message is fine too
		}
		by, err := b.arrivals()
		if err != nil {
			return err
		}
		for _, got := range by[m.To] {
			if strings.Contains(got.everything(), string(m.Code)) {
				return fmt.Errorf("a message of kind %q has the code", k)
			}
		}
	}
	return nil
}

func checkSameKey(ctx context.Context, b *bench) error {
	m := b.message(authn.CodeMessage)
	for range 3 {
		if err := b.mail(ctx, m); err != nil {
			return err
		}
	}
	return b.oneMessage(m)
}

// oneMessage checks that m arrived once or more, always with the same ID.
func (b *bench) oneMessage(m authn.Message) error {
	by, err := b.arrivals()
	if err != nil {
		return err
	}
	got := by[m.To]
	if len(got) == 0 {
		return errors.New("the message did not arrive")
	}
	for _, x := range got {
		if x.ID == "" || x.ID != got[0].ID {
			return fmt.Errorf("attempts to send one message have the IDs %q and %q", got[0].ID, x.ID)
		}
		if !says(x.Text, string(m.Code)) {
			return errors.New("an attempt has a different code")
		}
	}
	return nil
}

func checkOtherKey(ctx context.Context, b *bench) error {
	var ms []authn.Message
	first := b.message(authn.CodeMessage)
	for _, suffix := range []string{"", "0", "-0", " ", "a", "A"} {
		m := b.message(authn.CodeMessage)
		m.Key, m.Code = first.Key+suffix, first.Code
		ms = append(ms, m)
	}
	got, err := b.send(ctx, ms...)
	if err != nil {
		return err
	}
	seen := make(map[string]string)
	for i, m := range got {
		if k, ok := seen[m.ID]; ok {
			return fmt.Errorf("keys %q and %q have the same ID", k, ms[i].Key)
		}
		seen[m.ID] = ms[i].Key
	}
	return nil
}

func checkUndeliverable(ctx context.Context, b *bench) error {
	if err := b.behave(RefuseRecipient); err != nil {
		return err
	}
	if err := b.mail(ctx, b.message(authn.CodeMessage)); !errors.Is(err, authn.ErrUndeliverable) {
		return fmt.Errorf("error is %v, want ErrUndeliverable", err)
	}
	return nil
}

func checkBusy(ctx context.Context, b *bench) error {
	if err := b.behave(Busy); err != nil {
		return err
	}
	m := b.message(authn.CodeMessage)
	if err := mustRetry(b.mail(ctx, m)); err != nil {
		return err
	}
	b.Behave(Well)
	_, err := b.send(ctx, m)
	return err
}

// mustRetry returns an error unless err makes the library try again.
func mustRetry(err error) error {
	switch {
	case err == nil:
		return errors.New("Send returned nil, so the message counts as accepted")
	case errors.Is(err, authn.ErrUndeliverable):
		return fmt.Errorf("the library will not retry the message: %w", err)
	}
	return nil
}

func checkFailAfterAccept(ctx context.Context, b *bench) error {
	if err := b.behave(FailAfterAccept); err != nil {
		return err
	}
	m := b.message(authn.CodeMessage)
	if err := b.mail(ctx, m); errors.Is(err, authn.ErrUndeliverable) {
		return fmt.Errorf("a broken connection is reported as undeliverable: %w", err)
	}
	b.Behave(Well)
	if err := b.mail(ctx, m); err != nil {
		return err
	}
	return b.oneMessage(m)
}

// After patience the context of a hanging Send ends, and promptly later it must
// have returned. The second is generous: it finds a sender that never returns.
var (
	patience = 100 * time.Millisecond
	promptly = 3 * time.Second
)

func checkHanging(ctx context.Context, b *bench) error {
	if err := b.behave(Hang); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- b.mail(ctx, b.message(authn.CodeMessage)) }()
	timer := time.NewTimer(patience + promptly)
	defer timer.Stop()
	select {
	case err := <-done:
		return mustRetry(err)
	case <-timer.C:
		return fmt.Errorf("Send has not returned %v after its context ended", promptly)
	}
}

func checkEnded(ctx context.Context, b *bench) error {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	m := b.message(authn.CodeMessage)
	if err := mustRetry(b.mail(ended, m)); err != nil {
		return err
	}
	by, err := b.arrivals()
	if err == nil && len(by) > 0 {
		err = errors.New("a message was sent")
	}
	if err != nil {
		return err
	}
	_, err = b.send(ctx, m)
	return err
}

// checkErrors provokes errors. The bench checks every error, in all cases.
func checkErrors(ctx context.Context, b *bench) error {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	b.mail(ended, b.message(authn.CodeMessage))
	for _, how := range []Behavior{RefuseRecipient, Busy, FailAfterAccept} {
		if b.behave(how) == nil {
			b.mail(ctx, b.message(authn.CodeMessage))
		}
	}
	return nil
}

func checkConcurrent(ctx context.Context, b *bench) error {
	const n = 50
	ms := make([]authn.Message, n)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range ms {
		ms[i] = b.message(authn.CodeMessage)
		wg.Go(func() { errs[i] = b.mail(ctx, ms[i]) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	by, err := b.arrivals()
	if err != nil {
		return err
	}
	for _, m := range ms {
		if got := by[m.To]; len(got) != 1 || !says(got[0].Text, string(m.Code)) {
			return fmt.Errorf("of %d messages sent at once, one arrived %d times or with the code of another", n, len(got))
		}
	}
	return nil
}
