package webhooksend_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/webhooksend"
)

// vectors were computed by another implementation.
var vectors = []struct {
	at   int64
	body string
	mac  string
}{
	{1893553445, `{"key":"k","kind":"code"}`, "cd47f869abcf9101de728a2a3a3ec239cf5f3c86ca942b059b8bc31dfdd3225b"},
	{1, "", "4e1487367c64cb859bb2cf36624508feef717c4658b8b5158b51c3a4a4908297"},
	{253402300799, "{\"to\":\"Zoë\"}\n", "8bb89f9271ded4060a32ffe28d119c1f57c653caf8fe7b5b4f0f0e8a16f6022c"},
}

const other authn.Secret = "another secret, of 32 bytes too."

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		at := time.Unix(v.at, 0)
		for _, header := range []string{
			fmt.Sprintf("t=%d,v1=%s", v.at, v.mac), fmt.Sprintf("v1=%s,t=%d", v.mac, v.at),
			fmt.Sprintf("t=%d,v1=%s,v2=x,,=,v1x=", v.at, v.mac), fmt.Sprintf("t=%d,v1=%s", v.at, strings.ToUpper(v.mac)),
		} {
			if err := webhooksend.Verify(header, []byte(v.body), at, 0, secret); err != nil {
				t.Errorf("%s: %v", header, err)
			}
		}
	}
}

// The package documentation has a vector for other languages: it is right.
func TestDocumentedVector(t *testing.T) {
	source, err := os.ReadFile("webhooksend.go")
	if err != nil {
		t.Fatal(err)
	}
	v := vectors[0]
	for _, line := range []string{
		fmt.Sprintf("//	Authn-Signature: t=%d,v1=%s\n", v.at, v.mac), "//	" + v.body + "\n", "// the secret " + string(secret) + " ",
	} {
		if !strings.Contains(string(source), line) {
			t.Errorf("the documentation does not have %q", line)
		}
	}
}

func TestAltered(t *testing.T) {
	v := vectors[0]
	header, at := fmt.Sprintf("t=%d,v1=%s", v.at, v.mac), time.Unix(v.at, 0)
	for _, body := range []string{"", v.body + "\n", v.body[1:], strings.Replace(v.body, "code", "Code", 1), "5." + v.body} {
		if err := webhooksend.Verify(header, []byte(body), at, 0, secret); !errors.Is(err, webhooksend.ErrSignature) {
			t.Errorf("body %q: error %v, want %v", body, err, webhooksend.ErrSignature)
		}
	}
	for i := range v.mac {
		digit := "0"
		if v.mac[i] == '0' {
			digit = "1"
		}
		h := fmt.Sprintf("t=%d,v1=%s", v.at, v.mac[:i]+digit+v.mac[i+1:])
		if err := webhooksend.Verify(h, []byte(v.body), at, 0, secret); !errors.Is(err, webhooksend.ErrSignature) {
			t.Errorf("digit %d: error %v, want %v", i, err, webhooksend.ErrSignature)
		}
	}
	// Another time is an alteration as well, not a reason to say that it is late.
	h := fmt.Sprintf("t=%d,v1=%s", v.at+3600, v.mac)
	if err := webhooksend.Verify(h, []byte(v.body), at, 0, secret); !errors.Is(err, webhooksend.ErrSignature) || errors.Is(err, webhooksend.ErrTime) {
		t.Errorf("another time: error %v, want %v", err, webhooksend.ErrSignature)
	}
}

// A request is good to the very end of the tolerance, on both sides.
func TestTolerance(t *testing.T) {
	v := vectors[0]
	header, at := fmt.Sprintf("t=%d,v1=%s", v.at, v.mac), time.Unix(v.at, 0)
	for _, c := range []struct {
		tolerance, off time.Duration
		good           bool
	}{
		{time.Minute, time.Minute, true}, {time.Minute, time.Minute - 1, true}, {time.Minute, time.Minute + 1, false},
		{time.Minute, -time.Minute, true}, {time.Minute, -time.Minute - 1, false},
		{0, 5 * time.Minute, true}, {0, 5*time.Minute + 1, false}, {0, -5 * time.Minute, true}, {0, -5*time.Minute - 1, false},
		{1, 0, true}, {1, 2, false},
	} {
		err := webhooksend.Verify(header, []byte(v.body), at.Add(c.off), c.tolerance, secret)
		if c.good != (err == nil) || !c.good && !errors.Is(err, webhooksend.ErrTime) {
			t.Errorf("%v off with a tolerance of %v: error %v", c.off, c.tolerance, err)
		}
	}
	for _, far := range []time.Time{{}, time.Unix(1<<40, 0)} {
		if err := webhooksend.Verify(header, []byte(v.body), far, 0, secret); !errors.Is(err, webhooksend.ErrTime) {
			t.Errorf("at %v: error %v, want %v", far, err, webhooksend.ErrTime)
		}
	}
}

func TestRotation(t *testing.T) {
	v := vectors[0]
	header, at := fmt.Sprintf("t=%d,v1=%s", v.at, v.mac), time.Unix(v.at, 0)
	for _, c := range []struct {
		secrets []authn.Secret
		good    bool
	}{
		{[]authn.Secret{secret, other}, true}, {[]authn.Secret{other, secret}, true}, {[]authn.Secret{other}, false},
		{[]authn.Secret{other, secret, other}, true},
	} {
		err := webhooksend.Verify(header, []byte(v.body), at, 0, c.secrets...)
		if c.good != (err == nil) || !c.good && !errors.Is(err, webhooksend.ErrSignature) {
			t.Errorf("%d secrets: error %v, want good %v", len(c.secrets), err, c.good)
		}
	}
}

// A receiver without a proper secret accepts nothing, not even what is signed
// with that.
func TestVerifyFailsClosed(t *testing.T) {
	v := vectors[0]
	header, at := fmt.Sprintf("t=%d,v1=%s", v.at, v.mac), time.Unix(v.at, 0)
	for says, secrets := range map[string][]authn.Secret{
		"no secret":                {},
		"secret 0 has fewer than":  {""},
		"secret 1 has fewer than ": {secret, secret[:31]},
	} {
		err := webhooksend.Verify(header, []byte(v.body), at, 0, secrets...)
		if err == nil || !strings.Contains(err.Error(), says) || errors.Is(err, webhooksend.ErrSignature) {
			t.Errorf("error %v, want one that says %q", err, says)
		}
	}
	if err := webhooksend.Verify(header, []byte(v.body), at, -1, secret); err == nil || !strings.Contains(err.Error(), "negative") {
		t.Errorf("a negative tolerance: error %v", err)
	}
}

func TestMalformedHeader(t *testing.T) {
	v := vectors[0]
	good, mac, at := fmt.Sprintf("t=%d", v.at), "v1="+v.mac, time.Unix(v.at, 0)
	for header, says := range map[string]string{
		"":                                  "there is none",
		good:                                "want t=SECONDS,v1=HEX",
		mac:                                 "want t=SECONDS,v1=HEX",
		good + ";" + mac:                    "t is not",
		good + ", " + mac:                   "want",
		"T=" + good[2:] + "," + mac:         "want",
		good + "," + good + "," + mac:       "t occurs twice",
		good + "," + mac + "," + mac:        "v1 occurs twice",
		"t=0," + mac:                        "t is not",
		"t=-1," + mac:                       "t is not",
		"t=+" + good[2:] + "," + mac:        "t is not",
		"t=0" + good[2:] + "," + mac:        "t is not",
		"t=" + good[2:] + " ," + mac:        "t is not",
		"t=1e9," + mac:                      "t is not",
		"t=1000000000000," + mac:            "t is not",
		"t=99999999999999999999," + mac:     "t is not",
		"t=," + mac:                         "t is not",
		"t," + mac:                          "t is not",
		good + ",v1=":                       "v1 is not 64",
		good + ",v1":                        "v1 is not 64",
		good + "," + mac[:len(mac)-1]:       "v1 is not 64",
		good + "," + mac + "00":             "v1 is not 64",
		good + "," + mac[:len(mac)-1] + "g": "v1 is not 64",
		good + "," + mac + strings.Repeat(",", 512): "too long",
	} {
		err := webhooksend.Verify(header, []byte(v.body), at, 0, secret)
		if !errors.Is(err, webhooksend.ErrSignature) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: error %v, want one that says %q", header, err, says)
		}
	}
}

// FuzzVerify looks for a header that is accepted though it has another time or
// signature, and for one that panics. What is added beside them changes nothing.
func FuzzVerify(f *testing.F) {
	v := vectors[0]
	t1, mac := fmt.Sprintf("t=%d", v.at), "v1="+v.mac
	for _, h := range []string{t1 + "," + mac, mac + "," + t1, t1, mac, "", ",", "=", t1 + ",v2=x," + mac, t1 + "," + t1 + "," + mac, "t=,v1=", "v1=v1=t=t=,"} {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, header string) {
		err := webhooksend.Verify(header, []byte(v.body), time.Unix(v.at, 0), 0, secret)
		var times, macs []string
		for part := range strings.SplitSeq(header, ",") {
			if s, ok := strings.CutPrefix(part, "t="); ok || part == "t" {
				times = append(times, s)
			}
			if s, ok := strings.CutPrefix(part, "v1="); ok || part == "v1" {
				macs = append(macs, s)
			}
		}
		want := len(header) <= 512 && len(times) == 1 && len(macs) == 1 && "t="+times[0] == t1 && strings.ToLower(macs[0]) == v.mac
		if want != (err == nil) || err != nil && !errors.Is(err, webhooksend.ErrSignature) {
			t.Errorf("%q: error %v, want valid %v", header, err, want)
		}
	})
}
