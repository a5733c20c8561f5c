package questionfactor_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/questionfactor"
)

func ExampleImported() {
	var world authntest.World // every port, in memory
	question, err := questionfactor.New(questionfactor.Config{OwnQuestions: true})
	if err != nil {
		panic(err)
	}
	cfg := world.Config()
	cfg.Types = []authn.FactorType{question}
	svc, err := authn.New(cfg)
	if err != nil {
		panic(err)
	}
	data, err := questionfactor.Imported(questionfactor.Question{Text: "Which machine was ahead of its time?"}, "Analytical Engine")
	if err != nil {
		panic(err)
	}
	f, err := svc.Import("ada", authn.Factor{ID: "q", Type: question.Name}, data)
	if err != nil {
		panic(err)
	}
	world.SetFactors("ada", f) // a host stores it

	ctx := context.Background()
	a, _ := svc.Begin(ctx, authn.Login{User: "ada"})
	a, _ = svc.Do(ctx, a.Token, authn.Verify{Factor: "q", Code: "analytical engine"})
	fmt.Println(a.State)
	// Output: SUCCESS
}

func TestImportedRefuses(t *testing.T) {
	good := questionfactor.Question{Text: "Which machine?"}
	for what, c := range map[string]struct {
		q      questionfactor.Question
		answer authn.Secret
	}{
		"a short answer":  {good, "abc"},
		"a long answer":   {good, authn.Secret(strings.Repeat("x", 129))},
		"no question":     {questionfactor.Question{Key: "k"}, "analytical engine"},
		"a key":           {questionfactor.Question{Key: "K!", Text: "Which?"}, "analytical engine"},
		"a long question": {questionfactor.Question{Text: strings.Repeat("x", 257)}, "analytical engine"},
	} {
		if data, err := questionfactor.Imported(c.q, c.answer); err == nil {
			t.Errorf("%s: %d bytes", what, len(data))
		} else if strings.Contains(err.Error(), "analytical") {
			t.Errorf("%s: the error has the answer", what)
		}
	}
}
