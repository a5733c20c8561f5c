package questionfactor_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/questionfactor"
)

var offered = []questionfactor.Question{
	{Key: "disliked_food", Text: "What is the food you least liked as a child?"},
	{Key: "first_award", Text: "For what did you get your first award?"},
}

// desk is a service, and users who stand before it.
type desk struct {
	testing.TB
	authntest.World
	*authn.Service
}

func open(t testing.TB, c questionfactor.Config) *desk {
	t.Helper()
	y, err := questionfactor.New(c)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{TB: t}
	d.Service = d.World.Service(t, func(c *authn.Config) { c.Types = []authn.FactorType{y} })
	d.SetFactors("ada", slot("q1"), slot("q2"))
	return d
}

func slot(id string) authn.Factor {
	return authn.Factor{ID: id, Type: "question", Address: "Ada@Example.com", Status: authn.NotSetUp}
}

func (d *desk) begin(l authn.Login) *authn.Answer {
	d.Helper()
	a, err := d.Begin(d.Context(), l)
	if err != nil {
		d.Fatal(err)
	}
	return a
}

func (d *desk) do(a *authn.Answer, ev authn.Event) *authn.Answer {
	d.Helper()
	next, err := d.Do(d.Context(), a.Token, ev)
	if err != nil {
		d.Fatalf("%T: %v", ev, err)
	}
	return next
}

func (d *desk) refused(a *authn.Answer, ev authn.Event, why error) {
	d.Helper()
	if _, err := d.Do(d.Context(), a.Token, ev); !errors.Is(err, why) {
		d.Errorf("%v, want %v", err, why)
	}
}

// chosen is what a client sends to enroll.
func chosen(question, answer string) authn.Code {
	b, err := json.Marshal(map[string]string{"question": question, "answer": answer})
	if err != nil {
		panic(err)
	}
	return authn.Code(b)
}

func prompted(t testing.TB, a *authn.Answer, want string) {
	t.Helper()
	if got := string(a.Prompt.Options); got != want {
		t.Errorf("prompt %s\nwant   %s", got, want)
	}
}

// A user enrolls a question, and answers it: at once, or after it was shown.
func TestSignIn(t *testing.T) {
	d := open(t, questionfactor.Config{Questions: offered})
	a := d.do(d.begin(authn.Login{User: "ada"}), authn.Enroll{Type: "question"})
	prompted(t, a, `{"questions":[{"question":"disliked_food","questionText":"What is the food you least liked as a child?"},`+
		`{"question":"first_award","questionText":"For what did you get your first award?"}]}`)
	a = d.do(a, authn.Activate{Code: chosen("disliked_food", "Brussels  Sprouts ")})
	if f := d.FactorsOf("ada")[0]; a.State != authn.Success || f.Status != authn.Active || strings.Contains(string(f.Data), "food") {
		t.Fatalf("%s, %v", a.State, f.Status)
	}

	a = d.begin(authn.Login{User: "ada"})
	const shown = `{"question":"disliked_food","questionText":"What is the food you least liked as a child?"}`
	if len(a.Factors) != 1 || string(a.Factors[0].Options) != shown || a.Prompt.Options != nil {
		t.Errorf("who is to answer is not asked: %+v", a.Factors)
	}
	d.refused(a, authn.Verify{Code: "brussels sprouts"}, authn.ErrNotAllowed) // of which factor?
	a = d.do(a, authn.Verify{Factor: "q1", Code: "brussels sprouts"})
	who, err := d.Redeem(t.Context(), a.Session)
	if err != nil || !slices.Equal(who.Methods, []string{"pwd", "kba"}) {
		t.Errorf("%+v, %v", who, err)
	}

	a = d.do(d.begin(authn.Login{User: "ada"}), authn.Challenge{Factor: "q1"})
	prompted(t, a, shown)
	d.refused(a, authn.Verify{Code: "abc"}, authn.ErrMalformed)
	next := d.do(a, authn.Verify{Code: "sprouts"})
	if next.Outcome != authn.WrongCode || next.TriesLeft != a.TriesLeft-1 {
		t.Errorf("a wrong answer: %s, %d tries of %d", next.Outcome, next.TriesLeft, a.TriesLeft)
	}
	if a = d.do(next, authn.Verify{Code: " BRUSSELS\tsprouts"}); a.State != authn.Success {
		t.Error(a.State, a.Outcome)
	}
	if f := d.FactorsOf("ada")[0]; f.Revision != 1 {
		t.Errorf("nothing has changed, and the Directory has revision %d", f.Revision)
	}
}

// Wrong answers are wrong codes: after a few there is a wait, and then no time is left.
func TestGuesses(t *testing.T) {
	d := open(t, questionfactor.Config{Questions: offered})
	a := d.do(d.begin(authn.Login{User: "ada"}), authn.Enroll{Type: "question"})
	d.do(a, authn.Activate{Code: chosen("disliked_food", "Brussels sprouts")})
	a = d.begin(authn.Login{User: "ada"})
	n := 0
	for at, ok := a.Allows(authn.EventVerify); ok && n < 20; at, ok = a.Allows(authn.EventVerify) {
		if !at.IsZero() {
			d.refused(a, authn.Verify{Factor: "q1", Code: "Brussels sprouts"}, authn.ErrTooSoon)
			d.Advance(at.Sub(d.World.Now()))
		}
		a = d.do(a, authn.Verify{Factor: "q1", Code: "spinach"})
		n++
	}
	if n != 8 {
		t.Errorf("%d guesses in a sign-in", n)
	}
}

// The answers that a user may give to a new question, and those that are refused.
func TestEnroll(t *testing.T) {
	both := questionfactor.Config{Questions: offered, OwnQuestions: true}
	for name, c := range map[string]struct {
		config           questionfactor.Config
		question, answer string
		shown            string // "" is refused
	}{
		"by key":                    {both, "disliked_food", "spinach", `{"question":"disliked_food","questionText":"What is the food you least liked as a child?"}`},
		"by text":                   {both, offered[1].Text, "swimming", `{"question":"first_award","questionText":"For what did you get your first award?"}`},
		"own":                       {both, " Where was\u00a0I  born?", "Paris", `{"questionText":"Where was I born?"}`},
		"own only":                  {questionfactor.Config{OwnQuestions: true}, "Who?!", "nobody", `{"questionText":"Who?!"}`},
		"longest own":               {both, strings.Repeat("𝄞", 128), "Paris", `{"questionText":"` + strings.Repeat("𝄞", 128) + `"}`},
		"four characters":           {both, "disliked_food", "kale", `{"question":"disliked_food","questionText":"What is the food you least liked as a child?"}`},
		"four characters in twelve": {both, "disliked_food", "花椰菜花", `{"question":"disliked_food","questionText":"What is the food you least liked as a child?"}`},
		"128 characters":            {both, "disliked_food", strings.Repeat("é", 128), `{"question":"disliked_food","questionText":"What is the food you least liked as a child?"}`},

		"own, and not allowed": {questionfactor.Config{Questions: offered}, "Where was I born?", "Paris", ""},
		"none":                 {both, "", "Paris", ""},
		"own, too short":       {both, "Who", "Paris", ""},
		"own, too long":        {both, strings.Repeat("W", 129), "Paris", ""},
		"own, blank":           {both, "        ", "Paris", ""},
		"own, of two lines":    {both, "Where\x00was I born?", "Paris", ""},
		"no answer":            {both, "disliked_food", "", ""},
		"three characters":     {both, "disliked_food", " tea ", ""},
		"blanks":               {both, "disliked_food", " \t\u3000\u00a0 ", ""},
		"129 characters":       {both, "disliked_food", strings.Repeat("é", 129), ""},
		"a control character":  {both, "disliked_food", "spin\x07ach", ""},
		"the question":         {both, "disliked_food", "what is the food you  least liked as a child?", ""},
		"the key":              {both, "disliked_food", "Disliked_Food", ""},
		"the own question":     {both, "Where was I born?", "where was i born?", ""},
		"the user":             {both, "disliked_food", "lovelace", ""},
		"the login":            {both, "disliked_food", "ada@example.com", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, c.config)
			d.SetFactors("Lovelace", slot("q1"), slot("q2"))
			a := d.do(d.begin(authn.Login{User: "Lovelace"}), authn.Enroll{Type: "question"})
			if c.shown == "" {
				d.refused(a, authn.Activate{Code: chosen(c.question, c.answer)}, authn.ErrMalformed)
				return
			}
			a = d.do(a, authn.Activate{Code: chosen(c.question, c.answer)})
			if a.State != authn.Success {
				t.Fatal(a.State, a.Outcome)
			}
			a = d.do(d.begin(authn.Login{User: "Lovelace"}), authn.Challenge{Factor: "q1"})
			prompted(t, a, c.shown)
			if a = d.do(a, authn.Verify{Code: authn.Code(c.answer)}); a.State != authn.Success {
				t.Error(a.State, a.Outcome)
			}
		})
	}
	d := open(t, both)
	a := d.do(d.begin(authn.Login{User: "ada"}), authn.Enroll{Type: "question"})
	for _, code := range []authn.Code{"spinach", "[]", `"spinach"`, `{"question":"disliked_food","answer":"spin`, `{"question":"disliked_food","answer":"spin` + "\xff" + `ach"}`, `{"question":1,"answer":"spinach"}`} {
		d.refused(a, authn.Activate{Code: code}, authn.ErrMalformed)
	}
}

// A question that the user has is not offered again, nor taken.
func TestTwoQuestions(t *testing.T) {
	d := open(t, questionfactor.Config{Questions: offered, OwnQuestions: true})
	a := d.do(d.begin(authn.Login{User: "ada"}), authn.Enroll{Type: "question"})
	d.do(a, authn.Activate{Code: chosen("disliked_food", "spinach")})
	a = d.do(d.begin(authn.Login{User: "ada", Adding: true}), authn.Verify{Factor: "q1", Code: "spinach"})
	a = d.do(a, authn.Enroll{Type: "question"})
	prompted(t, a, `{"questions":[{"question":"first_award","questionText":"For what did you get your first award?"}],"ownQuestion":true}`)
	d.refused(a, authn.Activate{Code: chosen("disliked_food", "another")}, authn.ErrMalformed)
	d.refused(a, authn.Activate{Code: chosen("what is the food you least liked as a child?", "another")}, authn.ErrMalformed)
	a = d.do(a, authn.Activate{Code: chosen("first_award", "swimming")})
	if a.State != authn.Success {
		t.Fatal(a.State, a.Outcome)
	}
	// Each has its own answer.
	a = d.begin(authn.Login{User: "ada"})
	if next := d.do(a, authn.Verify{Factor: "q2", Code: "spinach"}); next.Outcome != authn.WrongCode {
		t.Errorf("the answer to another question: %s", next.State)
	}
	if a = d.do(a, authn.Verify{Factor: "q2", Code: "swimming"}); a.State != authn.Success {
		t.Error(a.State, a.Outcome)
	}
}

// What is asked stays what was answered, whatever is offered later.
func TestWithdrawn(t *testing.T) {
	d := open(t, questionfactor.Config{Questions: offered})
	a := d.do(d.begin(authn.Login{User: "ada"}), authn.Enroll{Type: "question"})
	d.do(a, authn.Activate{Code: chosen("disliked_food", "spinach")})
	later, err := questionfactor.New(questionfactor.Config{Questions: []questionfactor.Question{{Key: "disliked_food", Text: "And now?"}}})
	if err != nil {
		t.Fatal(err)
	}
	d.Service = d.World.Service(t, func(c *authn.Config) { c.Types = []authn.FactorType{later} })
	a = d.do(d.begin(authn.Login{User: "ada"}), authn.Challenge{Factor: "q1"})
	prompted(t, a, `{"question":"disliked_food","questionText":"What is the food you least liked as a child?"}`)
	if a = d.do(a, authn.Verify{Code: "spinach"}); a.State != authn.Success {
		t.Error(a.State, a.Outcome)
	}
}

// What the Directory has lost is no verdict, and a caller who has gone waits for none.
func TestUnavailable(t *testing.T) {
	y, err := questionfactor.New(questionfactor.Config{Questions: offered})
	if err != nil {
		t.Fatal(err)
	}
	c := authn.Check{User: "ada", Purpose: authn.PurposeEnroll, Factor: authn.Factor{ID: "q1"}, Response: []byte(chosen("disliked_food", "spinach"))}
	made, err := y.Verifier.Verify(t.Context(), c)
	if err != nil || !made.Right {
		t.Fatal(made, err)
	}
	c.Purpose, c.Response = authn.PurposeSignIn, []byte("spinach")
	for name, data := range map[string][]byte{"none": nil, "another version": append([]byte{2}, made.Data[1:]...), "half": made.Data[:len(made.Data)-1]} {
		c.Factor.Data = data
		if v, err := y.Verifier.Verify(t.Context(), c); err == nil || v.Right {
			t.Errorf("%s: right %t, malformed %t", name, v.Right, v.Malformed)
		}
		if b, err := y.Verifier.Prompt(t.Context(), c); err == nil {
			t.Errorf("%s: %s", name, b)
		}
		enroll := authn.Check{Purpose: authn.PurposeEnroll, Others: []authn.Factor{c.Factor}, Response: []byte(chosen("first_award", "swimming"))}
		if v, err := y.Verifier.Verify(t.Context(), enroll); err == nil {
			t.Errorf("%s, of another question: right %t", name, v.Right)
		}
		if b, err := y.Verifier.Prompt(t.Context(), enroll); err == nil {
			t.Errorf("%s, of another question: %s", name, b)
		}
	}
	c.Factor.Data = made.Data
	if v, err := y.Verifier.Verify(t.Context(), c); err != nil || !v.Right || v.Data != nil {
		t.Errorf("right %t, %v", v.Right, err)
	}
}

func TestConfig(t *testing.T) {
	q := func(key, text string) questionfactor.Question { return questionfactor.Question{Key: key, Text: text} }
	many := make([]questionfactor.Question, 101)
	for i := range many {
		many[i] = q(strings.Repeat("k", i%50+1)+strings.Repeat("x", i/50), "Why? "+strings.Repeat("!", i))
	}
	for name, c := range map[string]struct {
		questionfactor.Config
		wrong string
	}{
		"own":          {questionfactor.Config{OwnQuestions: true}, ""},
		"100":          {questionfactor.Config{Questions: many[:100]}, ""},
		"longest":      {questionfactor.Config{Questions: []questionfactor.Question{q(strings.Repeat("k", 64), strings.Repeat("t", 256))}}, ""},
		"nothing":      {questionfactor.Config{}, "Config.Questions: 0"},
		"101":          {questionfactor.Config{Questions: many}, "Config.Questions: 101"},
		"no key":       {questionfactor.Config{Questions: []questionfactor.Question{q("", "Why?")}}, `"": its Key`},
		"a bad key":    {questionfactor.Config{Questions: []questionfactor.Question{q("Why", "Why?")}}, `"Why": its Key`},
		"a long key":   {questionfactor.Config{Questions: []questionfactor.Question{q(strings.Repeat("k", 65), "Why?")}}, "Key"},
		"no text":      {questionfactor.Config{Questions: []questionfactor.Question{q("k", "")}}, `"k": its Text`},
		"a long text":  {questionfactor.Config{Questions: []questionfactor.Question{q("k", strings.Repeat("t", 257))}}, `"k": its Text`},
		"two lines":    {questionfactor.Config{Questions: []questionfactor.Question{q("k", "Why?\nHow?")}}, `"k": its Text`},
		"no UTF-8":     {questionfactor.Config{Questions: []questionfactor.Question{q("k", "Why\xff?")}}, `"k": its Text`},
		"a key twice":  {questionfactor.Config{Questions: []questionfactor.Question{q("k", "Why?"), q("k", "How?")}}, `"k" occurs twice`},
		"a text twice": {questionfactor.Config{Questions: []questionfactor.Question{q("k", "Why?"), q("l", "Why?")}}, `"l" occurs twice`},
	} {
		y, err := questionfactor.New(c.Config)
		switch {
		case c.wrong == "" && (err != nil || y.Name != "question" || !y.AtOnce):
			t.Errorf("%s: %v", name, err)
		case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)):
			t.Errorf("%s: %v", name, err)
		}
	}
}
