package questionfactor_test

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/questionfactor"
)

// users is a Directory of one user, who may enroll a question.
type users struct{ question authn.Factor }

// Factors implements [authn.Directory].
func (u *users) Factors(context.Context, string) ([]authn.Factor, error) {
	return []authn.Factor{u.question}, nil
}

// Activated implements [authn.Directory].
func (u *users) Activated(_ context.Context, _, _ string, f authn.Factor) error {
	if f.Revision > u.question.Revision {
		u.question = f
	}
	return nil
}

func Example() {
	question, err := questionfactor.New(questionfactor.Config{
		Questions: []questionfactor.Question{
			{Key: "disliked_food", Text: "What is the food you least liked as a child?"},
			{Key: "first_award", Text: "For what did you get your first award?"},
		},
	})
	if err != nil {
		panic(err)
	}
	svc, err := authn.New(authn.Config{
		Keys:         []authn.Key{{ID: 1, Secret: []byte(rand.Text() + rand.Text())}}, // a real host keeps them
		PseudonymKey: []byte(rand.Text() + rand.Text()),
		Store:        new(memstore.Store),
		Mailer:       new(memsender.Sender),
		Directory:    &users{authn.Factor{ID: "q", Type: question.Name, Status: authn.NotSetUp}},
		Types:        []authn.FactorType{question},
	})
	if err != nil {
		panic(err)
	}

	ctx := context.Background()
	a, _ := svc.Begin(ctx, authn.Login{User: "ada"})
	a, _ = svc.Do(ctx, a.Token, authn.Enroll{Type: question.Name})
	a, _ = svc.Do(ctx, a.Token, authn.Activate{Code: `{"question": "disliked_food", "answer": "Brussels sprouts"}`})
	fmt.Println(a.State)

	a, _ = svc.Begin(ctx, authn.Login{User: "ada"})
	a, _ = svc.Do(ctx, a.Token, authn.Challenge{Factor: "q"}) // to show the question; it can be answered without
	fmt.Println(string(a.Prompt.Options))
	a, _ = svc.Do(ctx, a.Token, authn.Verify{Code: "BRUSSELS SPROUTS"})
	who, _ := svc.Redeem(ctx, a.Session)
	fmt.Println(a.State, who.Methods)
	// Output:
	// SUCCESS
	// {"question":"disliked_food","questionText":"What is the food you least liked as a child?"}
	// SUCCESS [pwd kba]
}
