package okta_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/okta"
)

// The host's own types: a question, a key that signs, a token, and a device that
// answers. Each is as small as can be and still tells right from wrong.

// asks is a question. Its data are the question and the answer.
type asks struct{}

func (asks) Prompt(_ context.Context, c authn.Check) ([]byte, error) {
	question, _, _ := strings.Cut(string(c.Factor.Data), "\n")
	if question == "first_award" {
		return json.Marshal(okta.Question{Question: question, Text: "What was your first award?"})
	}
	return []byte(question), nil
}

func (asks) Verify(_ context.Context, c authn.Check) (authn.Verdict, error) {
	if c.Purpose == authn.PurposeEnroll {
		var q struct{ Question, QuestionText, Answer string }
		if json.Unmarshal(c.Response, &q) != nil || len(q.Answer) < 4 {
			return authn.Verdict{Malformed: true}, nil
		}
		return authn.Verdict{Right: q.Answer != "wrong", Data: []byte(q.Question + "\n" + strings.ToLower(q.Answer))}, nil
	}
	_, want, _ := strings.Cut(string(c.Factor.Data), "\n")
	return authn.Verdict{Right: strings.EqualFold(string(c.Response), want)}, nil
}

// keys are security keys. A key's data are its ID; it signs by hashing.
type keys struct{ got *[]string }

func signed(id string, challenge []byte) string {
	sum := sha256.Sum256(append([]byte(id), challenge...))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (keys) Prompt(_ context.Context, c authn.Check) ([]byte, error) {
	o := map[string]any{"challenge": base64.RawURLEncoding.EncodeToString(c.Challenge[:]), "rpId": "id.example.com"}
	if c.Purpose == authn.PurposeEnroll {
		o["user"] = map[string]string{"id": "dXNlcg", "name": c.User, "displayName": c.User}
		o["pubKeyCredParams"] = []any{map[string]any{"type": "public-key", "alg": -7}}
		return json.Marshal(map[string]any{"publicKey": o})
	}
	var allow []map[string]string
	for _, f := range append([]authn.Factor{c.Factor}, c.Others...) {
		allow = append(allow, map[string]string{"type": "public-key", "id": string(f.Data)})
	}
	o["allowCredentials"] = allow
	return json.Marshal(o)
}

func (k keys) Verify(_ context.Context, c authn.Check) (authn.Verdict, error) {
	*k.got = append(*k.got, string(c.Response))
	var r struct {
		ID, RawID, Type string
		Response        struct{ ClientDataJSON, AuthenticatorData, Signature, AttestationObject string }
	}
	if json.Unmarshal(c.Response, &r) != nil || r.Type != "public-key" || r.ID != r.RawID || r.Response.ClientDataJSON == "" {
		return authn.Verdict{Malformed: true}, nil
	}
	if c.Purpose == authn.PurposeEnroll {
		data, _ := base64.RawURLEncoding.DecodeString(r.Response.ClientDataJSON)
		ok := strings.Contains(string(data), "webauthn.create")
		return authn.Verdict{Right: ok && r.ID != "", Malformed: !ok, Data: []byte(r.ID)}, nil
	}
	for _, f := range append([]authn.Factor{c.Factor}, c.Others...) {
		if id := string(f.Data); (r.ID == "" || r.ID == id) && r.Response.Signature == signed(id, c.Challenge[:]) {
			return authn.Verdict{Right: true, Factor: f.ID}, nil
		}
	}
	return authn.Verdict{}, nil
}

// tokens have one code, which they keep.
type tokens struct{}

func (tokens) Prompt(context.Context, authn.Check) ([]byte, error) { return nil, nil }

func (tokens) Verify(_ context.Context, c authn.Check) (authn.Verdict, error) {
	if c.Purpose == authn.PurposeEnroll {
		return authn.Verdict{Right: strings.HasPrefix(string(c.Response), "cccccc"), Data: c.Response}, nil
	}
	return authn.Verdict{Right: string(c.Response) == string(c.Factor.Data)}, nil
}

// kinds is a world with a type of each kind.
type kinds struct {
	*world
	app  *memsender.Sender // messages to devices
	keys []string          // what the Verifier of keys got
}

func factorOf(kind, name string, st authn.Status) authn.Factor {
	f := authn.Factor{ID: kind + "-" + name, Type: kind, Status: st}
	if kind == authn.SMS || kind == authn.Call {
		f.Address = "+14155551234"
	}
	return f
}

// newKinds is a world in which somebody called after a type, and after nothing else,
// has a factor of it that is not set up.
func newKinds(t testing.TB, p authn.Policy) *kinds {
	k := &kinds{world: newWorld(t, authn.Policy{}), app: new(memsender.Sender)}
	k.authn = func(c *authn.Config) {
		c.Issuer = "Acme"
		c.Senders = map[string]authn.Sender{"app": k.app, "sms": k.mail, "call": k.mail}
		c.Types = []authn.FactorType{
			{Name: "question", Methods: []string{"kba"}, Verifier: asks{}, AtOnce: true},
			{Name: "webauthn", Methods: []string{"hwk"}, Verifier: keys{&k.keys}},
			{Name: "acme:token", Methods: []string{"otp"}, Verifier: tokens{}, AtOnce: true},
			{Name: "acme:app", Methods: []string{"swk"}, Channel: "app", Awaited: true},
		}
	}
	k.okta = func(c *okta.Config) {
		c.Types = map[string]okta.FactorType{
			"acme:token": {Type: "token:hardware", Provider: "YUBICO"},
			"acme:app": {Type: "push", Profile: func(_ context.Context, user string, f authn.Factor) (okta.FactorProfile, error) {
				if f.Status == authn.NotSetUp {
					return okta.FactorProfile{Name: "none"}, errors.New("no device yet")
				}
				return okta.FactorProfile{Name: "the phone of " + user, DeviceType: "SmartPhone_Android"}, nil
			}},
			"question": {Type: "question", Profile: func(_ context.Context, user string, _ authn.Factor) (okta.FactorProfile, error) {
				return okta.FactorProfile{Question: "disliked_food", QuestionText: "What did " + user + " not eat?"}, nil
			}},
		}
		c.QR = func(f authn.Factor, text authn.Secret) ([]byte, error) {
			if f.ID == "" || text == "" {
				t.Errorf("a picture of %q, for %q", string(text), f.ID)
			}
			return []byte("\x89PNG of " + string(text)), nil
		}
		c.Questions = []okta.Question{{Question: "disliked_food", Text: "What did you not eat as a child?"}, {Question: "first_award", Text: "What was your first award?"}}
		c.Profile = profileOf
	}
	for user, kind := range map[string]string{
		"app": authn.TOTP, "list": authn.RecoveryCodes, "asked": "question", "key": "webauthn", "token": "acme:token", "phone": "acme:app",
		"text": authn.SMS, "voice": authn.Call,
	} {
		k.people.factors["user-"+user] = []authn.Factor{factorOf(kind, user, authn.NotSetUp)}
	}
	k.svc, k.h = k.node(p, "acme")
	return k
}

// start begins as user, and hides what differs from run to run.
func (k *kinds) start(user string) *client {
	c := k.client(user)
	c.login()
	return c
}

// enroll chooses the factor that is not set up; more are further members.
func (c *client) enroll(factorType, provider, more string) *reply {
	c.t.Helper()
	return c.post("/api/v1/authn/factors", fmt.Sprintf(`{"stateToken":%q,"factorType":%q,"provider":%q%s}`, c.token, factorType, provider, more))
}

// appCode is what an authenticator app shows: RFC 6238.
func appCode(secret string, at time.Time) string {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		panic(err)
	}
	h := hmac.New(sha1.New, key)
	binary.Write(h, binary.BigEndian, at.Unix()/30)
	sum := h.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[19]&15:]) & 0x7fffffff
	return fmt.Sprintf("%06d", n%1000000)
}

// another is a code of the same form that is wrong.
func another(code string) string { return string('0'+(code[0]-'0'+1)%10) + code[1:] }

const activation = "_embedded.factor._embedded.activation"

// enrolledApp has an authenticator app set up, a period ago, and returns its secret.
func enrolledApp(k *kinds) string {
	c := k.start("app")
	r := c.is(c.enroll("token:software:totp", "GOOGLE", ""), 200, "MFA_ENROLL_ACTIVATE")
	secret := r.str(activation + ".sharedSecret")
	c.is(c.send(r.str(next), "passCode", appCode(secret, k.now())), 200, "SUCCESS")
	k.wait(30 * time.Second)
	return secret
}

func TestWalkTOTP(t *testing.T) {
	k := newKinds(t, authn.Policy{})
	c := k.client("app")
	c.comment("An authenticator app: a secret for it, by hand or as a QR code, and then its codes.")
	c.is(c.login(), 200, "MFA_ENROLL")
	r := c.is(c.enroll("token:software:totp", "GOOGLE", ""), 200, "MFA_ENROLL_ACTIVATE")
	secret := c.hide(r.str(activation+".sharedSecret"), "{secret}")
	qr, _ := strings.CutPrefix(r.str(activation+"._links.qrcode.href"), "data:image/png;base64,")
	picture, err := base64.StdEncoding.DecodeString(qr)
	if want := "\x89PNG of otpauth://totp/Acme:user-app?secret=" + secret + "&issuer=Acme"; err != nil || string(picture) != want {
		t.Errorf("the picture is %q, %v", picture, err)
	}
	c.hide(qr, "{picture}")
	code := c.hide(appCode(secret, k.now()), "{the app's code}")
	c.hide(another(code), "{a wrong code}")
	c.comment("A wrong code, one that is none, and the right one. The secret stays the same.")
	c.is(c.send(r.str(next), "passCode", another(code)), 403, "E0000068")
	c.unchanged(func() {
		c.is(c.send("/api/v1/authn/factors/totp-app/lifecycle/activate", "passCode", "12"), 400, "E0000001")
	})
	r = c.is(c.send("/api/v1/authn"), 200, "MFA_ENROLL_ACTIVATE")
	if r.str(activation+".sharedSecret") != secret {
		t.Error("the secret has changed")
	}
	c.is(c.send(r.str(next), "passCode", code), 200, "SUCCESS")
	c.comment("The next sign-in. The code was used: the answer says when there is another.")
	r = c.is(c.login(), 200, "MFA_REQUIRED")
	c.unchanged(func() { c.is(c.send(r.str(firstVerify), "passCode", code), 403, "E0000068") })
	k.wait(30 * time.Second)
	code = c.hide(appCode(secret, k.now()), "{the app's next code}")
	c.is(c.send(r.str(firstVerify), "passCode", code), 200, "SUCCESS")
	c.golden()
}

// TestOwnedWithoutCode: who has the codes cannot ask for one, and learns what to do
// instead. The state stays MFA_REQUIRED.
func TestOwnedWithoutCode(t *testing.T) {
	k := newKinds(t, authn.Policy{})
	secret := enrolledApp(k)
	c := k.start("app")
	const path = "/api/v1/authn/factors/totp-app/verify"
	c.unchanged(func() {
		for _, members := range []string{``, `,"passCode":""`, `,"passCode":null`} {
			r := c.is(c.more(path, members), 400, "E0000001")
			if said := r.str("errorCauses.0.errorSummary"); said != "Enter the digits that the app shows." {
				t.Error(said)
			}
			if way := r.str("errorCauses.1.href"); way != base+path || r.str("errorCauses.1.event") != "verify" {
				t.Error(r.Body)
			}
		}
		c.is(c.send(path+"/resend"), 403, "E0000079")
		r := c.is(c.send("/api/v1/authn"), 200, "MFA_REQUIRED")
		if r.str(firstVerify) != base+path {
			t.Error(r.Body)
		}
	})
	if r := c.is(c.send(path, "passCode", another(appCode(secret, k.now()))), 403, "E0000068"); r.str("errorCauses.0.errorSummary") != "That is not the code that the app shows. Check it and try again." {
		t.Error(r.Body)
	}
	c.is(c.send(path, "passCode", appCode(secret, k.now())), 200, "SUCCESS")

	c = k.start("list")
	r := c.is(c.enroll("token:hotp", "CUSTOM", ""), 200, "MFA_ENROLL_ACTIVATE")
	code := r.str("authn.codes.0")
	c.is(c.send(r.str(next), "passCode", code), 200, "SUCCESS")
	r = c.is(c.login(), 200, "MFA_REQUIRED")
	c.unchanged(func() { c.is(c.send(r.str(firstVerify)), 400, "E0000001") })
	c.is(c.send(r.str(firstVerify), "passCode", code), 200, "SUCCESS")
}

// TestTOTPOfEitherProvider: Okta's two providers of apps are one type here.
func TestTOTPOfEitherProvider(t *testing.T) {
	k := newKinds(t, authn.Policy{})
	c := k.start("app")
	c.unchanged(func() {
		c.is(c.enroll("token:software:totp", "YUBICO", ""), 400, "E0000001")
		c.is(c.enroll("totp", "OKTA", ""), 400, "E0000001")
		c.is(c.enroll("token:software:totp", "GOOGLE", `,"passCode":"123456"`), 400, "E0000001")
	})
	c.is(c.enroll("token:software:totp", "OKTA", ""), 200, "MFA_ENROLL_ACTIVATE")
}

// TestTypeForTheWidget: Okta's widget is told a factorType that it knows, which enrolls
// the same factor; every other client is told the host's.
func TestTypeForTheWidget(t *testing.T) {
	const agent, widget = "X-Okta-User-Agent-Extended", "okta-auth-js/7.5.1 okta-signin-widget-7.20.1"
	k := newKinds(t, authn.Policy{})
	with := k.okta
	k.okta = func(c *okta.Config) {
		with(c)
		c.Types[authn.RecoveryCodes] = okta.FactorType{Type: "recovery_codes", Provider: "CUSTOM", Widget: "token:hotp"}
	}
	k.svc, k.h = k.node(authn.Policy{}, "acme")
	for _, headers := range [][]string{nil, {agent, widget}, {agent, "okta-auth-js/7.5.1"}} {
		want := "recovery_codes"
		if len(headers) > 0 && headers[1] == widget {
			want = "token:hotp"
		}
		c := k.client("list")
		c.is(c.login(), 200, "MFA_ENROLL")
		r := c.post("/api/v1/authn", `{"stateToken":"`+c.token+`"}`, headers...)
		if got := r.str("_embedded.factors.0.factorType"); got != want {
			t.Errorf("%v: %s, want %s", headers, got, want)
		}
		c.is(c.post("/api/v1/authn/factors", fmt.Sprintf(`{"stateToken":%q,"factorType":%q,"provider":"CUSTOM"}`, c.token, want), headers...), 200, "MFA_ENROLL_ACTIVATE")
		c.is(c.send("/api/v1/authn/cancel"), 200, "")
	}
}

// TestQRFails: without a picture the answer is as good.
func TestQRFails(t *testing.T) {
	for name, qr := range map[string]func(authn.Factor, authn.Secret) ([]byte, error){
		"none": nil, "failed": func(authn.Factor, authn.Secret) ([]byte, error) { return []byte("x"), errors.New("no") },
		"empty": func(authn.Factor, authn.Secret) ([]byte, error) { return nil, nil },
	} {
		k := newKinds(t, authn.Policy{})
		with := k.okta
		k.okta = func(c *okta.Config) { with(c); c.QR = qr }
		_, k.h = k.node(authn.Policy{}, "acme")
		c := k.start("app")
		r := c.is(c.enroll("token:software:totp", "GOOGLE", ""), 200, "MFA_ENROLL_ACTIVATE")
		if r.at(activation+"._links") != nil || len(r.str(activation+".sharedSecret")) != 32 {
			t.Errorf("%s: %s", name, r.Body)
		}
	}
}

func TestWalkRecoveryCodes(t *testing.T) {
	k := newKinds(t, authn.Policy{})
	c := k.client("list")
	c.comment("Recovery codes: a list that is shown while it is enrolled, each code good once.")
	c.login()
	r := c.enroll("token:hotp", "CUSTOM", "")
	codes, _ := r.at("authn.codes").([]any)
	if len(codes) != 10 {
		t.Fatalf("%d codes", len(codes))
	}
	for i, code := range codes {
		c.hide(code.(string), fmt.Sprintf("{code %d}", i+1))
	}
	c.is(c.send(r.str(next), "passCode", codes[0].(string)), 200, "SUCCESS")
	c.comment("The next sign-in. The list is not shown again; authn.codesLeft says how many are left.")
	r = c.is(c.login(), 200, "MFA_REQUIRED")
	c.is(c.send(r.str(firstVerify), "passCode", "AAAA-BBBB-CCCC-DDDD"), 403, "E0000068")
	c.is(c.send(r.str(firstVerify), "passCode", codes[3].(string)), 200, "SUCCESS")
	c.login()
	c.unchanged(func() { c.is(c.send(r.str(firstVerify), "passCode", codes[3].(string)), 403, "E0000068") })
	c.golden()
}

func TestWalkQuestion(t *testing.T) {
	k := newKinds(t, authn.Policy{})
	c := k.client("asked")
	c.comment("A question: chosen from a list, and enrolled with its answer in one request.")
	r := c.is(c.login(), 200, "MFA_ENROLL")
	c.get(strings.TrimPrefix(r.str("_embedded.factors.0._links.questions.href"), base))
	c.comment("An answer that is too short is not counted, and nothing has begun.")
	const short = `,"profile":{"question":"disliked_food","answer":"no"}`
	c.is(c.enroll("question", "OKTA", short), 400, "E0000001")
	c.is(c.send("/api/v1/authn"), 200, "MFA_ENROLL")
	c.is(c.enroll("question", "OKTA", `,"profile":{"question":"disliked_food","answer":"Haggis","more":[1e999]}`), 200, "SUCCESS")
	c.comment("The next sign-in: the answer, without a challenge.")
	r = c.is(c.login(), 200, "MFA_REQUIRED")
	c.unchanged(func() { c.is(c.send(r.str(firstVerify), "answer", ""), 400, "E0000001") })
	c.is(c.send(r.str(firstVerify), "answer", "peas"), 403, "E0000068")
	c.is(c.send(r.str(firstVerify), "answer", "HAGGIS"), 200, "SUCCESS")
	c.golden()
}

// TestWalkE_SeveralFactors: with the option, each enrollment leads back to MFA_ENROLL
// while there is more to enroll, and from then on with skip.
func TestWalkE_SeveralFactors(t *testing.T) {
	k := newKinds(t, authn.Policy{})
	k.people.factors["user-asked"] = append(k.people.factors["user-asked"], factorOf(authn.TOTP, "asked", authn.NotSetUp), factorOf(authn.SMS, "asked", authn.NotSetUp))
	c := k.client("asked")
	c.comment("E. Three factors are offered to a client that can show several enrollments.")
	c.is(c.post("/api/v1/authn", fmt.Sprintf(`{"username":"asked","password":%q,"options":{"multiOptionalFactorEnroll":true}}`, goodPassword)), 200, "MFA_ENROLL")
	c.unchanged(func() { c.is(c.send("/api/v1/authn/skip"), 403, "E0000079") })
	c.is(c.enroll("question", "OKTA", `,"profile":{"question":"disliked_food","answer":"Haggis"}`), 200, "MFA_ENROLL")
	c.comment("The second one. Then the third is left.")
	r := c.is(c.enroll("token:software:totp", "GOOGLE", ""), 200, "MFA_ENROLL_ACTIVATE")
	secret := c.hide(r.str(activation+".sharedSecret"), "{secret}")
	qr, _ := strings.CutPrefix(r.str(activation+"._links.qrcode.href"), "data:image/png;base64,")
	c.hide(qr, "{picture}")
	r = c.is(c.send(r.str(next), "passCode", c.hide(appCode(secret, k.now()), "{the app's code}")), 200, "MFA_ENROLL")
	c.is(c.send(r.str(skip)), 200, "SUCCESS")
	c.comment("The next sign-in enrolls nothing.")
	c.token = ""
	c.is(c.post("/api/v1/authn", fmt.Sprintf(`{"username":"asked","password":%q,"options":{"multiOptionalFactorEnroll":true}}`, goodPassword)), 200, "MFA_REQUIRED")
	c.is(c.send("/api/v1/authn/factors/question-asked/verify", "answer", "haggis"), 200, "SUCCESS")
	c.golden()
}

// TestQuestionGoesBack: what fails to confirm takes the enrollment back, whether or
// not it was counted; a client with a key stays where it is, and its request again
// is answered as it was.
func TestQuestionGoesBack(t *testing.T) {
	wrong, right := `,"profile":{"question":"q","answer":"wrong"}`, `,"profile":{"questionText":"q?","answer":"Haggis"}`
	k := newKinds(t, authn.Policy{})
	c := k.start("asked")
	c.is(c.enroll("question", "OKTA", wrong), 403, "E0000068")
	if r := c.is(c.send("/api/v1/authn"), 200, "MFA_ENROLL"); r.at("_embedded.factors.0.status") != "NOT_SETUP" {
		t.Error(r.Body)
	}
	for _, none := range []string{``, `,"profile":{}`, `,"profile":{"Answer":"Haggis"}`, `,"profile":{"question":"q","answer":7}`, `,"profile":{"question":"q","answer":"` + strings.Repeat("x", 1024) + `"}`} {
		c.unchanged(func() { c.is(c.enroll("question", "OKTA", none), 400, "E0000001") })
	}
	c.is(c.enroll("question", "OKTA", right), 200, "SUCCESS")

	k = newKinds(t, authn.Policy{})
	c = k.start("asked")
	send := func(key, more string) *reply {
		return c.post("/api/v1/authn/factors", fmt.Sprintf(`{"stateToken":%q,"factorType":"question","provider":"OKTA"%s}`, c.token, more), "Idempotency-Key", key)
	}
	first := c.is(send("k1", wrong), 403, "E0000068")
	c.unchanged(func() {
		if again := c.is(send("k1", wrong), 403, "E0000068"); again.at("authn.triesLeft") != first.at("authn.triesLeft") {
			t.Errorf("counted twice: %s", again.Body)
		}
		c.is(send("k1", right), 400, "E0000001")
		c.is(c.send("/api/v1/authn"), 200, "MFA_ENROLL_ACTIVATE")
	})
	session := c.is(send("k2", right), 200, "SUCCESS").str("sessionToken")
	c.unchanged(func() {
		if again := c.is(send("k2", right), 200, "SUCCESS"); again.str("sessionToken") != session {
			t.Error("another session token")
		}
		c.is(send("k3", right), 401, "E0000011")
	})
}

// TestQuestionInTwoSteps: a sign-in that stopped between the two steps goes on, by
// either request.
func TestQuestionInTwoSteps(t *testing.T) {
	for _, path := range []string{"/api/v1/authn/factors", "/api/v1/authn/factors/question-asked/lifecycle/activate"} {
		k := newKinds(t, authn.Policy{})
		c := k.start("asked")
		if _, err := k.svc.Do(t.Context(), authn.StateToken(c.token[2:]), authn.Enroll{Type: "question"}); err != nil {
			t.Fatal(err)
		}
		r := c.is(c.send("/api/v1/authn"), 200, "MFA_ENROLL_ACTIVATE")
		more := `,"profile":{"question":"q","answer":"Haggis"}`
		if path != "/api/v1/authn/factors" {
			if r.str(next) != base+path {
				t.Errorf("next is %s", r.str(next))
			}
			c.is(c.post(path, `{"stateToken":"`+c.token+`"`+more+`}`), 200, "SUCCESS")
			continue
		}
		c.is(c.enroll("question", "OKTA", more), 200, "SUCCESS")
	}
}

func TestWalkToken(t *testing.T) {
	k := newKinds(t, authn.Policy{})
	c := k.client("token")
	const code = "ccccccbvcdjbhvkkgirldbhnhudvnrtbgrukdllkhuil"
	c.comment("A token of the host's own: a code enrolls it, and a code proves it.")
	c.is(c.login(), 200, "MFA_ENROLL")
	c.is(c.enroll("token:hardware", "YUBICO", `,"passCode":"vvccccbvcdjb"`), 403, "E0000068")
	c.is(c.enroll("token:hardware", "YUBICO", `,"passCode":"`+code+`"`), 200, "SUCCESS")
	r := c.is(c.login(), 200, "MFA_REQUIRED")
	c.is(c.send(r.str(firstVerify), "passCode", code), 200, "SUCCESS")
	c.golden()

	k = newKinds(t, authn.Policy{})
	c = k.start("token")
	r = c.is(c.enroll("token:hardware", "YUBICO", ""), 200, "MFA_ENROLL_ACTIVATE") // and then in two steps
	c.is(c.send(r.str(next), "passCode", code), 200, "SUCCESS")
}

func TestPhones(t *testing.T) {
	k := newKinds(t, authn.Policy{})
	for user, kind := range map[string]string{"text": "sms", "voice": "call"} {
		c := k.start(user)
		r := c.is(c.enroll(kind, "OKTA", `,"profile":{"phoneNumber":"+1-555-415-1337"}`), 200, "MFA_ENROLL_ACTIVATE")
		if r.str("_embedded.factor.profile.phoneNumber") != "+1 XXX-XXX-1234" || r.str("_links.resend.0.name") != kind {
			t.Errorf("%s: %s", kind, r.Body)
		}
		c.is(c.send(r.str(resend)), 429, "E0000118")
		k.wait(30 * time.Second)
		c.is(c.send(r.str(resend), "factorType", kind, "provider", "OKTA"), 200, "MFA_ENROLL_ACTIVATE")
		c.is(c.send(r.str(next), "passCode", string(k.mail.Last("+14155551234").Code)), 200, "SUCCESS")
		r = c.is(c.login(), 200, "MFA_REQUIRED")
		r = c.is(c.send(r.str(firstVerify)), 200, "MFA_CHALLENGE")
		if r.str("_embedded.factor.profile.phoneNumber") != "+1 XXX-XXX-1234" || r.str("_links.resend.0.name") != kind || r.str(resend) == "" {
			t.Errorf("%s: %s", kind, r.Body)
		}
		c.is(c.send(r.str(next), "passCode", string(k.mail.Last("+14155551234").Code)), 200, "SUCCESS")
	}
}

// object is an attestation object with the ID of a key, as an authenticator writes it:
// format none, or packed with a statement that has every kind of item.
func object(id string, packed bool) []byte {
	data := make([]byte, 32+1+4+16)
	data[32] = 1<<6 | 1
	data = append(binary.BigEndian.AppendUint16(data, uint16(len(id))), id...)
	data = append(data, 0xa1, 0x01, 0x02) // a COSE key, as far as anybody reads here
	b := []byte{0xa3}
	if packed { // {"alg": -7, "sig": h'00', "x5c": [h'', h'0102'], "tag": 1(1.5), "big": 2^32}
		b = append(b, "\x63fmt\x66packed\x67attStmt\xa5\x63alg\x26\x63sig\x41\x00\x63x5c\x82\x40\x42\x01\x02\x63tag\xc1\xf9\x3e\x00\x63big\x1b\x00\x00\x00\x01\x00\x00\x00\x00"...)
	} else {
		b = append(b, "\x63fmt\x64none\x67attStmt\xa0"...)
	}
	b = append(b, "\x68authData\x58"...)
	return append(append(b, byte(len(data))), data...)
}

// key is a browser with a security key.
type key struct{ id string }

// made is what it sends to be enrolled, in the alphabet that enc has.
func (y key) made(enc *base64.Encoding, packed bool) string {
	return fmt.Sprintf(`,"attestation":%q,"clientData":%q`, enc.EncodeToString(object(y.id, packed)), enc.EncodeToString([]byte(`{"type":"webauthn.create"}~~~`)))
}

// signs is what it sends to sign in.
func (y key) signs(challenge string) string {
	b, _ := base64.RawURLEncoding.DecodeString(challenge)
	id := base64.RawURLEncoding.EncodeToString([]byte(y.id))
	return fmt.Sprintf(`,"clientData":"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0In0","authenticatorData":"AAEC","signatureData":%q`, signed(id, b))
}

// more posts the state token and further members.
func (c *client) more(where, members string) *reply {
	c.t.Helper()
	return c.post(where, `{"stateToken":"`+c.token+`"`+members+`}`)
}

func TestWalkP_Webauthn(t *testing.T) {
	k := newKinds(t, authn.Policy{})
	c, first := k.client("key"), key{"the first key"}
	c.comment("P. A security key. What the browser needs is in the answers, and what the authenticator makes goes back member by member.")
	c.is(c.login(), 200, "MFA_ENROLL")
	r := c.is(c.enroll("webauthn", "FIDO", ""), 200, "MFA_ENROLL_ACTIVATE")
	c.hide(r.str(activation+".challenge"), "{challenge 1}")
	c.unchanged(func() { c.is(c.more(r.str(next), `,"attestation":"o2","clientData":"?"`), 400, "E0000001") })
	c.is(c.more(r.str(next), first.made(base64.StdEncoding, true)+`,"transports":"[\"usb\",\"nfc\"]","clientExtensions":"{\"credProps\":{\"rk\":false}}"`), 200, "SUCCESS")
	c.comment("The next sign-in, by the factor's id. A challenge takes one response; a request without one shows the next challenge.")
	r = c.is(c.login(), 200, "MFA_REQUIRED")
	verify := r.str(firstVerify)
	r = c.is(c.send(verify), 200, "MFA_CHALLENGE")
	const challenge = "_embedded.factor._embedded.challenge.challenge"
	old := c.hide(r.str(challenge), "{challenge 2}")
	c.hide(signed("dGhlIGZpcnN0IGtleQ", nil), "{signature}")
	c.is(c.more(verify, key{"another key"}.signs(old)), 403, "E0000068")
	r = c.is(c.send(verify), 200, "MFA_CHALLENGE")
	if c.hide(r.str(challenge), "{challenge 3}") == old {
		t.Error("the challenge is the same")
	}
	c.is(c.more(r.str(next), first.signs(r.str(challenge))), 200, "SUCCESS")
	signature := regexp.MustCompile(`"signatureData":"[^"]+"`)
	story := signature.ReplaceAllString(c.story.String(), `"signatureData":"{signature}"`)
	c.story.Reset()
	c.story.WriteString(story)
	c.golden()
}

// TestWebauthnByType: of several keys each may respond. The challenge is shown by
// type then, and the request does not say which key it was.
func TestWebauthnByType(t *testing.T) {
	for name, path := range map[string]string{"by type": "webauthn", "by id": "", "by the second id": "second"} {
		k := newKinds(t, authn.Policy{})
		names := []string{"one", "second"}
		k.people.factors["user-key"] = []authn.Factor{factorOf("webauthn", "one", authn.NotSetUp), factorOf("webauthn", "second", authn.NotSetUp)}
		k.people.factors["user-key"][0].Required, k.people.factors["user-key"][1].Required = true, true
		c := k.start("key")
		for i, id := range names {
			r := c.is(c.enroll("webauthn", "FIDO", ""), 200, "MFA_ENROLL_ACTIVATE")
			c.is(c.more(r.str(next), key{id}.made(base64.RawURLEncoding, i == 1)), 200, []string{"MFA_ENROLL", "SUCCESS"}[i])
		}
		r := c.is(c.login(), 200, "MFA_REQUIRED")
		kind := r.str("_embedded.factorTypes.0._links.next.href")
		if r.str("_embedded.factorTypes.0.factorType") != "webauthn" || kind != base+"/api/v1/authn/factors/webauthn/verify" || r.at("_embedded.factorTypes.1") != nil {
			t.Errorf("factorTypes: %v", r.at("_embedded.factorTypes"))
		}
		switch path {
		case "webauthn":
			path = kind
		case "second":
			path = r.str("_embedded.factors.1._links.verify.href")
		default:
			path = r.str(firstVerify)
		}
		if name == "by type" {
			c.unchanged(func() { c.is(c.more(path, key{"one"}.signs("")), 403, "E0000079") }) // it needs a challenge
		}
		c.is(c.send(path), 200, "MFA_CHALLENGE")
		for range 2 { // asked for again, it is the same
			r = c.is(c.send(path), 200, "MFA_CHALLENGE")
		}
		challenge := r.str("_embedded.challenge.challenge")
		if r.str("challengeType") != "FACTOR_TYPE" || r.str("factorType") != "webauthn" || len(challenge) != 43 || r.at("_embedded.factor._embedded") != nil {
			t.Errorf("%s: %s", name, r.Body)
		}
		got := map[string]bool{}
		for _, f := range r.at("_embedded.factors").([]any) {
			got[f.(map[string]any)["profile"].(map[string]any)["credentialId"].(string)] = true
		}
		if len(got) != 2 || !got["b25l"] || !got["c2Vjb25k"] {
			t.Errorf("%s: keys %v", name, got)
		}
		k.keys = nil
		send := func() *reply {
			return c.post(path, `{"stateToken":"`+c.token+`"`+key{"second"}.signs(challenge)+`}`, "Idempotency-Key", "k1")
		}
		c.is(send(), 200, "SUCCESS")
		if len(k.keys) != 1 || strings.Contains(k.keys[0], `"id"`) {
			t.Errorf("%s: the Verifier got %q", name, k.keys)
		}
		if name == "by type" { // the same again under its key
			c.unchanged(func() {
				again := c.post(path, `{"stateToken":"`+c.token+`"`+key{"second"}.signs(challenge)+`,"credentialId":"c2Vjb25k"}`, "Idempotency-Key", "k1")
				c.is(again, 400, "E0000001") // it names a key, which is another request
			})
		}
	}
}

// TestWebauthnRepeated: a client that says which key it was can repeat its request
// after the end.
func TestWebauthnRepeated(t *testing.T) {
	for _, path := range []string{"/api/v1/authn/factors/webauthn/verify", "/api/v1/authn/factors/webauthn-key/verify"} {
		k := newKinds(t, authn.Policy{})
		c := k.start("key")
		r := c.is(c.enroll("webauthn", "FIDO", ""), 200, "MFA_ENROLL_ACTIVATE")
		c.is(c.more(r.str(next), key{"one"}.made(base64.URLEncoding, false)), 200, "SUCCESS")
		c.login()
		r = c.is(c.send(path), 200, "MFA_CHALLENGE")
		challenge := r.str("_embedded.factor._embedded.challenge.challenge")
		send := func() *reply {
			return c.post(path, `{"stateToken":"`+c.token+`","credentialId":"b25l"`+key{"one"}.signs(challenge)+`}`, "Idempotency-Key", "k1")
		}
		session := c.is(send(), 200, "SUCCESS").str("sessionToken")
		c.unchanged(func() {
			if again := c.is(send(), 200, "SUCCESS"); again.str("sessionToken") != session {
				t.Error("another session token")
			}
		})
	}
}

// TestWebauthnPacked: what a Verifier gets is what a browser's toJSON gives, whatever
// a client adds or leaves out.
func TestWebauthnPacked(t *testing.T) {
	k := newKinds(t, authn.Policy{})
	c := k.start("key")
	r := c.is(c.enroll("webauthn", "FIDO", ""), 200, "MFA_ENROLL_ACTIVATE")
	activate := r.str(next)
	for members, want := range map[string]string{
		`,"attestation":"AAEC+w==","clientData":"e30="`:                                                `{"type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"AAEC-w"},"clientExtensionResults":{}}`,
		`,"attestation":"AAEC-w","clientData":"e30","credentialId":"a_b-"`:                             `{"id":"a_b-","rawId":"a_b-","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"AAEC-w"},"clientExtensionResults":{}}`,
		`,"attestation":"AAEC-w","clientData":"e30","transports":["usb"],"clientExtensions":{"a":1}`:   `{"type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"AAEC-w","transports":["usb"]},"clientExtensionResults":{"a":1}}`,
		`,"attestation":"AAEC-w","clientData":"e30","transports":[1,"usb"],"clientExtensions":"[]"`:    `{"type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"AAEC-w"},"clientExtensionResults":{}}`,
		`,"attestation":"AAEC-w","clientData":"e30","transports":"none","clientExtensions":"{\"a\":"`:  `{"type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"AAEC-w"},"clientExtensionResults":{}}`,
		`,"attestation":"AAEC-w","clientData":"e30","transports":true,"clientExtensions":-1.5e3`:       `{"type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"AAEC-w"},"clientExtensionResults":{}}`,
		`,"attestation":"AAEC-w","clientData":"e30","credentialId":"?","transports":null,"profile":{}`: `{"type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"AAEC-w"},"clientExtensionResults":{}}`,
	} {
		k.keys = nil
		if c.more(activate, members); len(k.keys) != 1 || k.keys[0] != want {
			t.Errorf("%s: the Verifier got\n%q, want\n%q", members, k.keys, want)
		}
	}
	k.keys = nil
	c.unchanged(func() {
		for _, members := range []string{
			`,"attestation":"AAEC"`, `,"clientData":"e30"`, `,"attestation":"","clientData":""`, `,"attestation":"A","clientData":"e30"`,
			`,"attestation":"AA EC","clientData":"e30"`, `,"attestation":"AAEC","clientData":"e30","passCode":"123456"`, `,"passCode":""`, ``,
			`,"attestation":"AAEC","clientData":"e30","signatureData":"AA"`, `,"attestation":7,"clientData":"e30"`,
		} {
			c.is(c.more(activate, members), 400, "E0000001")
		}
		long := `,"clientData":"e30","attestation":"` + strings.Repeat("A", 16<<10) + `"`
		if r := c.more(activate, long); r.Code != 413 {
			t.Errorf("got %d", r.Code)
		}
	})
	if len(k.keys) != 0 {
		t.Errorf("the Verifier got %q", k.keys)
	}
	c.more(activate, `,"clientData":"e30","attestation":"`+strings.Repeat("A", 12<<10)+`"`) // longer than any other body
	if len(k.keys) != 1 {
		t.Errorf("the Verifier got %q", k.keys)
	}
}

// TestOneProof: a request to verify proves one thing in one way.
func TestOneProof(t *testing.T) {
	k := newKinds(t, authn.Policy{})
	c := k.start("key")
	r := c.is(c.enroll("webauthn", "FIDO", ""), 200, "MFA_ENROLL_ACTIVATE")
	c.is(c.more(r.str(next), key{"one"}.made(base64.RawURLEncoding, false)), 200, "SUCCESS")
	c.login()
	const path = "/api/v1/authn/factors/webauthn-key/verify"
	c.is(c.send(path), 200, "MFA_CHALLENGE")
	k.keys = nil
	c.unchanged(func() {
		for _, members := range []string{
			`,"answer":"x","passCode":"123456"`, `,"answer":"x","clientData":"e30"`, `,"passCode":"1","clientData":"e30","authenticatorData":"AA","signatureData":"AA"`,
			`,"clientData":"e30"`, `,"clientData":"e30","authenticatorData":"AA"`, `,"clientData":"e30","authenticatorData":"AA","signatureData":"!"`,
			`,"answer":""`, `,"answer":"","passCode":"123456"`, `,"attestation":"AA","clientData":"e30"`,
		} {
			c.is(c.more(path, members), 400, "E0000001")
		}
	})
	if len(k.keys) != 0 {
		t.Errorf("the Verifier got %q", k.keys)
	}
}

// paired has a device paired and returns a client in MFA_CHALLENGE whose device was
// asked.
func paired(t testing.TB, p authn.Policy) (*kinds, *client, *reply) {
	k := newKinds(t, p)
	k.people.set("user-phone", 0, authn.Active)
	c := k.start("phone")
	return k, c, c.is(c.send(phonePath), 200, "MFA_CHALLENGE")
}

const phonePath = "/api/v1/authn/factors/acme:app-phone/verify"

// respond is what the device says to the last message.
func (k *kinds) respond(r authn.Reply) {
	k.t.Helper()
	all := k.app.All()
	if _, err := k.svc.Respond(k.t.Context(), all[len(all)-1].Approval, r); err != nil {
		k.t.Fatal(err)
	}
}

const correctAnswer = "_embedded.factor._embedded.challenge.correctAnswer"

// number is the one that the device is to be told.
func (c *client) number(r *reply) string {
	n, _ := r.at(correctAnswer).(float64)
	s := fmt.Sprint(int(n))
	c.hide(`"correctAnswer":`+s, `"correctAnswer":{two digits}`)
	return s
}

func TestWalkF_Push(t *testing.T) {
	k := newKinds(t, authn.Policy{})
	k.people.set("user-phone", 0, authn.Active)
	c := k.client("phone")
	c.comment("F. Another device answers. The client asks until it has, by the link named poll; the number is to be named on the device.")
	r := c.is(c.login(), 200, "MFA_REQUIRED")
	r = c.is(c.send(r.str(firstVerify)+"?autoPush=true"), 200, "MFA_CHALLENGE")
	number := c.number(r)
	c.unchanged(func() { r = c.is(c.send(r.str(next)), 200, "MFA_CHALLENGE") })
	k.respond(authn.Reply{Approve: true, Number: number})
	c.comment("The device has approved: the next poll succeeds.")
	c.is(c.send(r.str(next)), 200, "SUCCESS")
	if n := len(k.app.All()); n != 1 {
		t.Errorf("%d messages", n)
	}
	c.golden()
}

func TestWalkF_PushRejected(t *testing.T) {
	k := newKinds(t, authn.Policy{})
	k.people.set("user-phone", 0, authn.Active)
	c := k.client("phone")
	c.comment("F. The device rejects: that is told once, and both the next request and the link next send another message.")
	r := c.is(c.login(), 200, "MFA_REQUIRED")
	r = c.is(c.send(r.str(firstVerify)), 200, "MFA_CHALLENGE")
	c.number(r)
	poll := r.str(next)
	k.respond(authn.Reply{})
	r = c.is(c.send(poll), 200, "MFA_CHALLENGE")
	r = c.is(c.send(r.str(next)), 200, "MFA_CHALLENGE")
	number := c.number(r)
	k.respond(authn.Reply{Approve: true, Number: number})
	c.is(c.send(r.str(next)), 200, "SUCCESS")
	if n := len(k.app.All()); n != 2 {
		t.Errorf("%d messages", n)
	}
	c.golden()
}

// result fails the test unless the answer has this factorResult and a link next of
// this name.
func (c *client) result(r *reply, want, name string) *reply {
	c.t.Helper()
	if r.Code != 200 || r.str("factorResult") != want || r.str("_links.next.name") != name {
		c.t.Errorf("got %d %s, next %q, want %s, %s\n%s", r.Code, r.str("factorResult"), r.str("_links.next.name"), want, name, r.Body)
	}
	if (r.at(correctAnswer) != nil) != (want == "WAITING") && r.str("status") == "MFA_CHALLENGE" {
		c.t.Errorf("%s: the number is %v", want, r.at(correctAnswer))
	}
	return r
}

// TestPushEnds: the end of a question is told once, and the request after that asks
// anew. Who only looks, or names another factor, or sends a code, changes nothing.
func TestPushEnds(t *testing.T) {
	for name, x := range map[string]struct {
		do           func(k *kinds, number string)
		result, name string
	}{
		"nothing":           {func(*kinds, string) {}, "WAITING", "poll"},
		"another number":    {func(k *kinds, n string) { k.respond(authn.Reply{Approve: true, Number: another(n)}) }, "REJECTED", "verify"},
		"a rejection":       {func(k *kinds, n string) { k.respond(authn.Reply{Number: n}) }, "REJECTED", "verify"},
		"nothing, late":     {func(k *kinds, _ string) { k.wait(5 * time.Minute) }, "TIMEOUT", "verify"},
		"a rejection, late": {func(k *kinds, _ string) { k.respond(authn.Reply{}); k.wait(5 * time.Minute) }, "REJECTED", "verify"},
		"an approval, late": {func(k *kinds, n string) { k.respond(authn.Reply{Approve: true, Number: n}); k.wait(5 * time.Minute) }, "TIMEOUT", "verify"},
	} {
		for _, members := range []string{``, `,"passCode":""`, `,"passCode":null`} {
			k, c, r := paired(t, authn.Policy{})
			first := c.number(r)
			x.do(k, first)
			c.unchanged(func() {
				c.result(c.send("/api/v1/authn"), x.result, x.name)
				c.is(c.send("/api/v1/authn/factors/other/verify"), 404, "E0000007")
				c.is(c.send(phonePath, "passCode", "123456"), 400, "E0000001")
			})
			r = c.result(c.more(phonePath, members), x.result, x.name)
			if x.result == "WAITING" {
				c.unchanged(func() { c.result(c.more(phonePath, members), "WAITING", "poll") })
			} else {
				c.unchanged(func() { c.result(c.send("/api/v1/authn"), "TIMEOUT", "verify") })
				r = c.result(c.more(phonePath, members), "WAITING", "poll")
			}
			k.respond(authn.Reply{Approve: true, Number: c.number(r)})
			c.is(c.more(phonePath, members), 200, "SUCCESS")
			if n := len(k.app.All()); n != map[bool]int{true: 1, false: 2}[x.result == "WAITING"] {
				t.Errorf("%s: %d messages", name, n)
			}
		}
	}
}

// TestPushEndsOnce: under its key, a request that was told of an end is told again.
func TestPushEndsOnce(t *testing.T) {
	k, c, _ := paired(t, authn.Policy{})
	k.respond(authn.Reply{})
	poll := func(key string) *reply {
		return c.post(phonePath, `{"stateToken":"`+c.token+`"}`, "Idempotency-Key", key)
	}
	c.result(poll("k1"), "REJECTED", "verify")
	c.unchanged(func() { c.result(poll("k1"), "REJECTED", "verify") })
	c.result(poll("k2"), "WAITING", "poll")
	c.unchanged(func() { c.result(poll("k2"), "WAITING", "poll") })
	if n := len(k.app.All()); n != 2 {
		t.Errorf("%d messages", n)
	}
}

// TestPushWithdrawn: a device has one question. Who polls for an older one is told once,
// and does not take the newer one back by that.
func TestPushWithdrawn(t *testing.T) {
	k, one, _ := paired(t, authn.Policy{})
	two := k.start("phone")
	r := two.is(two.send(phonePath), 200, "MFA_CHALLENGE")
	one.result(one.send(phonePath), "TIMEOUT", "verify")
	two.unchanged(func() { r = two.result(two.send(phonePath), "WAITING", "poll") })
	k.respond(authn.Reply{Approve: true, Number: two.number(r)})
	two.is(two.send(phonePath), 200, "SUCCESS")
	one.wait(time.Minute)
	one.result(one.send(phonePath), "WAITING", "poll")
}

// TestPushBackoff: during a back-off nobody is asked anew.
func TestPushBackoff(t *testing.T) {
	k, c, _ := paired(t, authn.Policy{BackoffFrom: 1})
	k.respond(authn.Reply{})
	c.result(c.send(phonePath), "REJECTED", "verify")
	c.unchanged(func() { c.is(c.send(phonePath), 429, "E0000047") })
	c.wait(time.Minute)
	c.result(c.send(phonePath), "WAITING", "poll")
}

// TestPushLate: an approval that comes too late for the client is no error.
func TestPushLate(t *testing.T) {
	k, c, r := paired(t, authn.Policy{})
	k.respond(authn.Reply{Approve: true, Number: c.number(r)})
	if r := c.send("/api/v1/authn"); r.str("factorResult") != "WAITING" || r.str("_links.next.name") != "poll" || r.at(correctAnswer) != nil {
		t.Errorf("only a poll takes it: %s", r.Body)
	}
	k.wait(5 * time.Minute)
	r = c.result(c.send(phonePath), "TIMEOUT", "verify")
	c.result(c.send(r.str(next)), "WAITING", "poll")
	if n := len(k.app.All()); n != 2 {
		t.Errorf("%d messages", n)
	}
}

// TestPushRepeated: the poll that has led to SUCCESS is answered again under its key.
func TestPushRepeated(t *testing.T) {
	k, c, r := paired(t, authn.Policy{})
	k.respond(authn.Reply{Approve: true, Number: c.number(r)})
	poll := func(key string) *reply {
		return c.post(phonePath, `{"stateToken":"`+c.token+`"}`, "Idempotency-Key", key)
	}
	session := c.is(poll("k1"), 200, "SUCCESS").str("sessionToken")
	c.unchanged(func() {
		if again := c.is(poll("k1"), 200, "SUCCESS"); again.str("sessionToken") != session {
			t.Error("another session token")
		}
		c.is(poll("k2"), 401, "E0000011")
		c.is(c.send(phonePath), 401, "E0000011")
	})
}

// TestPushOfOthers: where a type is polled, other types are as they were.
func TestPushOfOthers(t *testing.T) {
	k := newKinds(t, authn.Policy{})
	c := k.start("bob")
	c.is(c.send(verifyPath, "passCode", ""), 200, "MFA_CHALLENGE")
	k.wait(time.Minute)
	c.unchanged(func() { c.is(c.send(verifyPath, "passCode", ""), 400, "E0000001") })
	c.is(c.send(verifyPath), 200, "MFA_CHALLENGE")
	if n := len(k.mail.All()); n != 2 {
		t.Errorf("%d mails", n)
	}
	c.is(c.send(verifyPath, "passCode", k.code("bob")), 200, "SUCCESS")
	c.is(c.send(verifyPath), 401, "E0000011")

	c = k.start("grace")
	r := c.is(c.enroll("email", "OKTA", ""), 200, "MFA_ENROLL_ACTIVATE")
	c.unchanged(func() {
		c.is(c.send(r.str(next)), 400, "E0000001")
		c.is(c.send(r.str(next)+"/poll"), 400, "E0000001")
		c.is(c.send(r.str(next), "passCode", ""), 400, "E0000001")
	})
	c.is(c.send(r.str(next), "passCode", k.code("grace")), 200, "SUCCESS")
	c.is(c.send(r.str(next)+"/poll"), 401, "E0000011")
	c.login()
	c.is(c.send(r.str(next)+"/poll"), 403, "E0000079")
}

const activatePhone = "/api/v1/authn/factors/acme:app-phone/lifecycle/activate"

func TestWalkG_PushEnrollment(t *testing.T) {
	k := newKinds(t, authn.Policy{})
	c := k.client("phone")
	c.comment("G. A device is paired: it gets the token authn.pairing, which the QR code has as well. One pairing is rejected, the next one is not.")
	c.is(c.login(), 200, "MFA_ENROLL")
	hide := func(r *reply) authn.Secret {
		c.hide(strings.TrimPrefix(r.str(activation+"._links.qrcode.href"), "data:image/png;base64,"), "{picture}")
		return authn.Secret(c.hide(r.str("authn.pairing"), "{pairing}"))
	}
	r := c.is(c.enroll("push", "OKTA", ""), 200, "MFA_ENROLL_ACTIVATE")
	pairing := hide(r)
	c.unchanged(func() { r = c.result(c.send(r.str(next)), "WAITING", "poll") })
	if _, err := k.svc.Respond(t.Context(), pairing, authn.Reply{}); err != nil {
		t.Fatal(err)
	}
	c.unchanged(func() { r = c.result(c.send(r.str(next)), "CANCELLED", "activate") })
	r = c.result(c.send(r.str(next)), "WAITING", "poll")
	if _, err := k.svc.Respond(t.Context(), hide(r), authn.Reply{Approve: true}); err != nil {
		t.Fatal(err)
	}
	c.is(c.send(r.str(next)), 200, "SUCCESS")
	c.is(c.login(), 200, "MFA_REQUIRED")
	c.golden()
}

// TestPairing: a request to activate polls too, and begins again only what is over.
func TestPairing(t *testing.T) {
	k := newKinds(t, authn.Policy{})
	c := k.start("phone")
	r := c.is(c.enroll("push", "OKTA", ""), 200, "MFA_ENROLL_ACTIVATE")
	first := authn.Secret(r.str("authn.pairing"))
	c.unchanged(func() {
		c.result(c.send(activatePhone), "WAITING", "poll")
		c.is(c.send("/api/v1/authn/factors/other/lifecycle/activate/poll"), 404, "E0000007")
		c.is(c.send(activatePhone, "passCode", "123456"), 400, "E0000001")
	})
	if _, err := k.svc.Respond(t.Context(), first, authn.Reply{}); err != nil {
		t.Fatal(err)
	}
	c.unchanged(func() {
		c.result(c.send(activatePhone+"/poll"), "CANCELLED", "activate")
		c.is(c.send("/api/v1/authn/factors/other/lifecycle/activate"), 404, "E0000007")
	})
	r = c.result(c.send(activatePhone), "WAITING", "poll")
	second := authn.Secret(r.str("authn.pairing"))
	if _, err := k.svc.Respond(t.Context(), first, authn.Reply{Approve: true}); err == nil || first == second {
		t.Error("the old token is still good")
	}
	if _, err := k.svc.Respond(t.Context(), second, authn.Reply{Approve: true}); err != nil {
		t.Fatal(err)
	}
	poll := func(key string) *reply {
		return c.post(activatePhone+"/poll", `{"stateToken":"`+c.token+`"}`, "Idempotency-Key", key)
	}
	session := c.is(poll("k1"), 200, "SUCCESS").str("sessionToken")
	c.unchanged(func() {
		if again := c.is(poll("k1"), 200, "SUCCESS"); again.str("sessionToken") != session {
			t.Error("another session token")
		}
		c.is(poll("k2"), 401, "E0000011")
	})
}

// TestKindCanaries: what enrolls a factor is in the one member that it belongs to, of
// the one answer that it belongs to; an answer to a question is in none.
func TestKindCanaries(t *testing.T) {
	k := newKinds(t, authn.Policy{})
	app, list, phone, asked := k.client("app"), k.client("list"), k.client("phone"), k.client("asked")
	app.login()
	r := app.enroll("token:software:totp", "GOOGLE", "")
	secrets := []string{r.str(activation + ".sharedSecret")}
	app.send(r.str(next), "passCode", another(appCode(secrets[0], k.now())))
	app.send(r.str(next), "passCode", "x")
	app.send(r.str(next)+"?passCode="+secrets[0], "passCode", "123456")
	app.more(r.str(next), `,"`+secrets[0]+`":1`)
	app.more(r.str(next), `,"haggis":1`)
	app.send("/api/v1/authn/factors/" + secrets[0] + "/verify")
	app.send("/api/v1/users/u/factors/f/lifecycle/activate", "passCode", "123456")
	app.send("/api/v1/authn")
	app.is(app.send(r.str(next), "passCode", appCode(secrets[0], k.now())), 200, "SUCCESS")
	app.login()
	app.send("/api/v1/authn/factors/totp-app/verify")
	app.send("/api/v1/authn/factors/totp-app/verify", "passCode", appCode(secrets[0], k.now()))

	list.login()
	r = list.enroll("token:hotp", "CUSTOM", "")
	for _, code := range r.at("authn.codes").([]any) {
		secrets = append(secrets, code.(string))
	}
	list.send(r.str(next), "passCode", "AAAA-AAAA-AAAA-AAAA")
	list.send("/api/v1/authn/skip")
	list.is(list.send(r.str(next), "passCode", secrets[1]), 200, "SUCCESS")
	list.login()
	list.send("/api/v1/authn/factors/recovery_codes-list/verify")
	list.is(list.send("/api/v1/authn/factors/recovery_codes-list/verify", "passCode", secrets[2]), 200, "SUCCESS")

	phone.login()
	r = phone.enroll("push", "OKTA", "")
	secrets = append(secrets, r.str("authn.pairing"))
	phone.send("/api/v1/authn/skip")
	k.svc.Respond(t.Context(), authn.Secret(r.str("authn.pairing")), authn.Reply{Approve: true})
	phone.is(phone.send(r.str(next)), 200, "SUCCESS")

	asked.login()
	asked.enroll("question", "OKTA", `,"profile":{"question":"q","answer":"Haggis"}`)
	asked.login()
	asked.more("/api/v1/authn/factors/question-asked/verify", `,"answer":"haggis?"`)
	asked.more("/api/v1/authn/factors/question-asked/verify?answer=Haggis", `,"passCode":""`)
	asked.is(asked.send("/api/v1/authn/factors/question-asked/verify", "answer", "Haggis"), 200, "SUCCESS")

	shown := 0
	for _, c := range []*client{app, list, phone, asked} {
		for _, r := range c.all {
			all := r.Body.String() + fmt.Sprint(r.Header())
			if r.str("status") == "MFA_ENROLL_ACTIVATE" {
				places := []string{r.str(activation + ".sharedSecret"), r.str("authn.pairing"), r.str(activation + "._links.qrcode.href")}
				codes, _ := r.at("authn.codes").([]any)
				for _, code := range codes {
					places = append(places, code.(string))
				}
				for _, place := range places {
					if place != "" {
						all = strings.ReplaceAll(all, `"`+place+`"`, "")
						shown++
					}
				}
			}
			for _, secret := range append(secrets, "aggis") {
				if strings.Contains(all, secret) {
					t.Errorf("%q is in an answer: %d %s", secret, r.Code, all)
				}
			}
		}
	}
	if shown != 2*2+10+2 { // twice a secret and its picture, ten codes, a token and its picture
		t.Errorf("%d secrets were shown", shown)
	}
}

// TestQuestionList: it is there if the host has one, and for GET alone.
func TestQuestionList(t *testing.T) {
	k := newKinds(t, authn.Policy{})
	c := k.client("asked")
	const path = "/api/v1/authn/factors/questions"
	if r := c.get(path + "/"); r.Code != 200 || r.str("list.1.question") != "first_award" {
		t.Errorf("got %d %s", r.Code, r.Body)
	}
	if r := c.request("POST", path, "{}"); r.Code != 405 || r.Header().Get("Allow") != "GET" {
		t.Errorf("got %d %s", r.Code, r.Header())
	}
	c.login()
	c.is(c.get(path+"?stateToken="+c.token), 403, "E0000005")
	with := k.okta
	k.okta = func(c *okta.Config) { with(c); c.Questions = nil }
	_, c.h = k.node(authn.Policy{}, "acme")
	c.is(c.get(path), 404, "E0000008")
	if r := c.is(c.login(), 200, "MFA_ENROLL"); r.at("_embedded.factors.0._links.questions") != nil {
		t.Error("there is a link to no list")
	}
}

// TestWaysToProve: a refusal names the ways that there are, each with what it takes.
func TestWaysToProve(t *testing.T) {
	k := newKinds(t, authn.Policy{})
	k.people.factors["user-app"] = append(k.people.factors["user-app"], mailFactor("app", authn.NotSetUp))
	enrolledApp(k)
	k.people.set("user-app", 1, authn.Active)
	c := k.start("app")
	says := func(r *reply) (list []string) {
		for _, x := range r.at("errorCauses").([]any) {
			list = append(list, strings.ReplaceAll(x.(map[string]any)["errorSummary"].(string), base+"/api/v1/authn", ""))
		}
		return list
	}
	c.unchanged(func() {
		want := []string{
			"The transaction is in MFA_REQUIRED.",
			"challenge is allowed now: POST /factors/emf-app/verify without a passCode: one is sent",
			"verify is allowed now: POST /factors/totp-app/verify with the passCode",
			"cancel is allowed now: POST /cancel",
		}
		if got := says(c.is(c.send("/api/v1/authn/previous"), 403, "E0000079")); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %q", got)
		}
		c.is(c.send("/api/v1/authn/factors/emf-app/verify", "passCode", "123456"), 403, "E0000079")
	})
	c.is(c.more("/api/v1/authn/factors/question-asked/verify", `,"answer":"x"`), 404, "E0000007")
	c = k.start("asked")
	c.is(c.enroll("question", "OKTA", `,"profile":{"question":"q","answer":"Haggis"}`), 200, "SUCCESS")
	c.login()
	c.is(c.send("/api/v1/authn/factors/question-asked/verify"), 200, "MFA_CHALLENGE")
	if got := says(c.is(c.send("/api/v1/authn/skip"), 403, "E0000079")); got[1] != "verify is allowed now: POST /factors/question-asked/verify with the answer" {
		t.Errorf("got %q", got)
	}
}

// TestQuestionShown: a challenge shows the question that the Verifier says, and else
// what the host says of the factor.
func TestQuestionShown(t *testing.T) {
	for profile, want := range map[string][2]string{
		`"question":"first_award"`:                        {"first_award", "What was your first award?"},
		`"question":"disliked_food"`:                      {"disliked_food", "What did user-asked not eat?"},
		`"questionText":"first_award"`:                    {"first_award", "What was your first award?"}, // the text takes the place of a key
		`"question":"other","questionText":"first_award"`: {"disliked_food", "What did user-asked not eat?"},
	} {
		k := newKinds(t, authn.Policy{})
		c := k.start("asked")
		c.is(c.enroll("question", "OKTA", `,"profile":{`+profile+`,"answer":"Haggis"}`), 200, "SUCCESS")
		c.login()
		r := c.is(c.send("/api/v1/authn/factors/question-asked/verify"), 200, "MFA_CHALLENGE")
		p, _ := r.at("_embedded.factor.profile").(map[string]any)
		if p["question"] != want[0] || p["questionText"] != want[1] {
			t.Errorf("%s: %v", profile, p)
		}
	}
}

// TestBackoffAtQuestion: a request without an answer changes nothing, back-off or not, and
// the answer says from when on one is taken.
func TestBackoffAtQuestion(t *testing.T) {
	k := newKinds(t, authn.Policy{BackoffFrom: 1})
	c := k.start("asked")
	c.is(c.enroll("question", "OKTA", `,"profile":{"question":"disliked_food","answer":"Haggis"}`), 200, "SUCCESS")
	r := c.is(c.login(), 200, "MFA_REQUIRED")
	verify := r.str(firstVerify)
	c.is(c.send(verify), 200, "MFA_CHALLENGE")
	c.is(c.send(verify, "answer", "peas"), 403, "E0000068")
	c.unchanged(func() {
		r = c.is(c.send(verify), 200, "MFA_CHALLENGE")
		if r.str("authn.allowed.0.event") != "verify" || r.str("authn.allowed.0.at") == "" || strings.Contains(r.Body.String(), `"resend"`) {
			t.Errorf("%s", r.Body)
		}
	})
}

// TestFactorsThatWait: each factor says by itself from when it can be chosen. After
// a mail, the other address waits; the first one, whose code is still good, does not.
func TestFactorsThatWait(t *testing.T) {
	c := newWorld(t, authn.Policy{}).client("ada")
	if r := c.is(c.login(), 200, "MFA_REQUIRED"); r.at("authn.factors") != nil {
		t.Errorf("at the beginning: %s", r.Body)
	}
	c.is(c.send("/api/v1/authn/factors/emf-ada/verify"), 200, "MFA_CHALLENGE")
	c.wait(time.Nanosecond)
	r := c.is(c.send("/api/v1/authn/previous"), 200, "MFA_REQUIRED")
	if list, _ := r.at("authn.factors").([]any); len(list) != 1 || r.str("authn.factors.0.id") != "emf-spare" || r.str("authn.factors.0.at") != "2026-03-01T12:00:30.000Z" {
		t.Errorf("after a mail: %s", r.Body)
	}
	c.wait(30 * time.Second)
	if r := c.is(c.send("/api/v1/authn"), 200, "MFA_REQUIRED"); r.at("authn.factors") != nil {
		t.Errorf("when the wait is over: %s", r.Body)
	}
}
