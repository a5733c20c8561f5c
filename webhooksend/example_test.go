package webhooksend_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/webhooksend"
)

// errNoNumber is the vendor's answer that a number does not exist.
var errNoNumber = errors.New("no such number")

// receive hands every message on as an SMS. The vendor sends one SMS for each key,
// however often it is asked.
func receive(secret authn.Secret, vendor func(ctx context.Context, key, to, text string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, webhooksend.MaxBody))
		if err != nil {
			http.Error(w, "the body is cut off or too long", http.StatusServiceUnavailable)
			return
		}
		if err := webhooksend.Verify(r.Header.Get(webhooksend.SignatureHeader), body, time.Now(), 0, secret); err != nil {
			http.Error(w, "not signed", http.StatusUnauthorized)
			return
		}
		var m authn.Message
		if err := json.Unmarshal(body, &m); err != nil {
			http.Error(w, "no message", http.StatusBadRequest)
			return
		}
		text := "Example: something happened to your account: " + string(m.Kind)
		if m.Kind == authn.CodeMessage {
			text = fmt.Sprintf("Example: %s is your code %d, good until %s UTC. Give it to nobody.",
				string(m.Code), m.Generation, m.Expires.Format("15:04"))
		}
		switch err := vendor(r.Context(), m.Key, m.To, text); {
		case errors.Is(err, errNoNumber):
			http.Error(w, "no such number", http.StatusUnprocessableEntity) // final
		case err != nil:
			http.Error(w, "try again later", http.StatusServiceUnavailable)
		}
	}
}

func Example() {
	const secret authn.Secret = "0123456789abcdef0123456789abcdef" // a real one is random, and kept outside the program
	srv := httptest.NewTLSServer(receive(secret, func(_ context.Context, key, to, text string) error {
		fmt.Println(key, "to", to)
		fmt.Println(text)
		return nil
	}))
	defer srv.Close()

	sender, err := webhooksend.New(webhooksend.Config{URL: srv.URL, Secret: secret, Client: srv.Client()})
	if err != nil {
		panic(err)
	}
	err = sender.Send(context.Background(), authn.Message{
		Key: "0f1e-3-0", Kind: authn.CodeMessage, To: "+15550100", Purpose: authn.PurposeSignIn,
		Code: "042137", Generation: 1, Expires: time.Date(2030, 1, 2, 3, 9, 5, 0, time.UTC),
	})
	fmt.Println(err)
	// Output:
	// 0f1e-3-0 to +15550100
	// Example: 042137 is your code 1, good until 03:09 UTC. Give it to nobody.
	// <nil>
}

// Alert on a status that the host has to mend.
func ExampleStatusError() {
	srv := httptest.NewTLSServer(receive("another secret, of 32 bytes too.", nil))
	defer srv.Close()
	sender, err := webhooksend.New(webhooksend.Config{
		URL: srv.URL, Secret: "0123456789abcdef0123456789abcdef", Client: srv.Client(),
	})
	if err != nil {
		panic(err)
	}
	err = sender.Send(context.Background(), authn.Message{Key: "0f1e-4-0", Kind: authn.LockedMessage, To: "+15550100"})
	if answer := new(webhooksend.StatusError); errors.As(err, &answer) {
		fmt.Println(answer.Status == http.StatusUnauthorized, err)
	}
	// Output:
	// true webhooksend: gateway answered 401
}

// Two secrets are accepted while the sender's is changed.
func ExampleVerify() {
	const header = "t=1893553445,v1=cd47f869abcf9101de728a2a3a3ec239cf5f3c86ca942b059b8bc31dfdd3225b"
	body := []byte(`{"key":"k","kind":"code"}`)
	before, after := authn.Secret("0123456789abcdef0123456789abcdef"), authn.Secret("another secret, of 32 bytes too.")
	now := time.Unix(1893553445, 0).Add(time.Minute)
	fmt.Println(webhooksend.Verify(header, body, now, 0, before, after))
	fmt.Println(webhooksend.Verify(header, body, now, 0, after))
	fmt.Println(webhooksend.Verify(header, body, now.Add(time.Hour), 0, before, after))
	// Output:
	// <nil>
	// webhooksend: verify: signature is not valid
	// webhooksend: verify: time of the signature is too far away
}
