package webhooksend_test

import (
	"os"
	"strings"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/webhooksend"
)

// fromEnvironment is how a host makes its sender.
func fromEnvironment() (authn.Sender, error) {
	sender, err := webhooksend.New(webhooksend.Config{
		URL:    os.Getenv("GATEWAY_URL"), // https://gateway.example.com/messages
		Secret: authn.Secret(os.Getenv("GATEWAY_SECRET")),
	})
	return sender, err
}

// A host whose environment lacks something does not start.
func TestFromEnvironment(t *testing.T) {
	g, url := start(t, nil)
	for _, c := range []struct{ url, secret, says string }{
		{url, "", "Config.Secret"}, {"", string(secret), "Config.URL"}, {url, string(secret), ""},
	} {
		t.Setenv("GATEWAY_URL", c.url)
		t.Setenv("GATEWAY_SECRET", c.secret)
		_, err := fromEnvironment()
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("error %v, want one about %q", err, c.says)
		}
	}
	if n := len(g.all()); n != 0 {
		t.Errorf("%d requests before a message", n)
	}
}
