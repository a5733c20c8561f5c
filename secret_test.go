package authn

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
)

// Secrets do not print, whatever prints them.
func TestSecretsDoNotPrint(t *testing.T) {
	const canary = "canary-135790"
	h := TokenSecret([]byte("canary-135790-canary-135790-cana"))
	var out bytes.Buffer
	for _, x := range []any{Code(canary), Verify{Code: canary}, Activate{Code: canary}, WithKey("k", Verify{Code: canary}), Answer{Token: canary, Session: canary}, &Message{Code: canary}, h, []Code{canary}, map[string]Code{"a": canary}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
			fmt.Fprintf(&out, verb, x)
		}
		fmt.Fprint(&out, fmt.Errorf("%w: %v", io.EOF, x))
		json.NewEncoder(&out).Encode(x)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "x", x)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "x", x)
	}
	gob.NewEncoder(&out).Encode(struct{ S Code }{canary})
	s := out.String()
	for _, form := range []string{canary, "135790", fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary)} {
		if i := strings.Index(s, form); i >= 0 {
			t.Errorf("%q is printed: …%s", form, s[max(0, i-60):i+20])
		}
	}
	if !strings.Contains(s, redacted) {
		t.Error("nothing was printed")
	}
}

// None of the types that hold a secret prints it, in whatever way.
func TestNoSecretPrints(t *testing.T) {
	const hidden = "hidden-text"
	for _, x := range []any{Secret(hidden), Code(hidden), StateToken(hidden), SessionToken(hidden)} {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", x)
			fmt.Fprintf(&out, verb+"\n", []any{x})
		}
		j, err := json.Marshal(map[string]any{"x": x})
		if err != nil {
			t.Fatal(err)
		}
		out.Write(j)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "x", x)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "x", x)
		fmt.Fprint(&out, x.(slog.LogValuer).LogValue(), x.(fmt.Stringer).String())
		if bytes.Contains(out.Bytes(), []byte(hidden)) || bytes.Contains(out.Bytes(), []byte(fmt.Sprintf("%x", hidden))) {
			t.Errorf("%T prints itself: %s", x, out.String())
		}
	}
}
