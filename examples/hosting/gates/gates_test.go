package gates

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/people"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
)

const address = "ada@example.com"

// service is that of a host with the gates.
func service(r *Records, version int) (*authn.Service, *memsender.Sender, error) {
	users, mail := new(people.Directory), new(memsender.Sender)
	users.Add("ada", address, true)
	svc, err := authn.New(authn.Config{
		Keys:         []authn.Key{{ID: 1, Secret: []byte(rand.Text() + rand.Text())}}, // a real host keeps them
		PseudonymKey: []byte(rand.Text() + rand.Text()),
		Store:        new(memstore.Store),
		Mailer:       mail,
		Directory:    users,
		Gates:        r.Gates(version),
	})
	return svc, mail, err
}

// proved is a sign-in of Ada after her last proof.
func proved(ctx context.Context, svc *authn.Service, mail *memsender.Sender) (*authn.Answer, error) {
	a, err := svc.Begin(ctx, authn.Login{User: "ada"})
	if err == nil {
		a, err = svc.Do(ctx, a.Token, authn.Challenge{Factor: "mail"})
	}
	if err == nil {
		a, err = svc.Do(ctx, a.Token, authn.Verify{Code: mail.Last(address).Code})
	}
	return a, err
}

func Example() {
	records, err := Open("") // in memory
	if err != nil {
		panic(err)
	}
	svc, mail, err := service(records, 3)
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	a, _ := proved(ctx, svc, mail)
	for _, input := range []authn.Secret{"accept 2", "accept 3", `{"name": "", "country": "England"}`, `{"name": "Ada", "country": "gb"}`} {
		gate := a.State
		a, _ = svc.Do(ctx, a.Token, authn.Pass{Gate: gate, Input: input})
		fmt.Printf("%s -> %s %q\n", gate, a.State, a.Reasons)
	}
	who, _ := svc.Redeem(ctx, a.Session)
	fmt.Println(who.User, "is", records.of(who.User).Profile)
	a, _ = proved(ctx, svc, mail)
	fmt.Println("and again:", a.State)
	// Output:
	// TERMS -> TERMS ["the latest terms are version 3"]
	// TERMS -> PROFILE []
	// PROFILE -> PROFILE ["the name is missing" "the country is not a code of two letters"]
	// PROFILE -> SUCCESS []
	// ada is {Ada GB}
	// and again: SUCCESS
}

// walk opens the records and signs in, with these inputs to the gates, and returns the
// states.
func walk(t *testing.T, file string, version int, inputs ...authn.Secret) (states []authn.State, last *authn.Answer) {
	t.Helper()
	r, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	svc, mail, err := service(r, version)
	if err != nil {
		t.Fatal(err)
	}
	last, err = proved(t.Context(), svc, mail)
	if err != nil {
		t.Fatal(err)
	}
	states = append(states, last.State)
	for _, input := range inputs {
		if last, err = svc.Do(t.Context(), last.Token, authn.Pass{Gate: last.State, Input: input}); err != nil {
			t.Fatal(err)
		}
		states = append(states, last.State)
	}
	return states, last
}

const profile = `{"name": " Ada ", "country": "gb"}`

// What was passed outlives the program; other terms are asked for, and nothing else.
func TestKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "records")
	for _, c := range []struct {
		version int
		inputs  []authn.Secret
		want    []authn.State
	}{
		{1, []authn.Secret{"accept 1"}, []authn.State{"TERMS", "PROFILE"}}, // and the program ends
		{1, []authn.Secret{profile}, []authn.State{"PROFILE", authn.Success}},
		{1, nil, []authn.State{authn.Success}},
		{2, []authn.Secret{"accept 2"}, []authn.State{"TERMS", authn.Success}},
		{1, nil, []authn.State{authn.Success}}, // a node that is older
		{3, []authn.Secret{"accept 1", "", "accept", "accept 3 "}, []authn.State{"TERMS", "TERMS", "TERMS", "TERMS", "TERMS"}},
	} {
		if got, _ := walk(t, file, c.version, c.inputs...); !slices.Equal(got, c.want) {
			t.Errorf("version %d, %q: %v, want %v", c.version, c.inputs, got, c.want)
		}
	}
}

func TestDeclined(t *testing.T) {
	states, a := walk(t, "", 1, "decline")
	if states[1] != authn.Canceled || a.Outcome != authn.Denied {
		t.Errorf("%v %s", states, a.Outcome)
	}
}

// Nothing that is not good enough is counted.
func TestRejectedProfiles(t *testing.T) {
	for input, want := range map[authn.Secret]int{
		profile: 0, "": 1, "7": 1, `{"name":"Ada"}`: 1, `{"country":"GB"}`: 1, `{}`: 2, `{"name":" \t","country":"G1"}`: 2,
		authn.Secret(`{"name":"` + strings.Repeat("<", maxName-1) + `","country":"GB"}`): 0,
		authn.Secret(`{"name":"` + strings.Repeat("<", maxName) + `","country":"GB"}`):   0,
		authn.Secret(`{"name":"` + strings.Repeat("é", maxName+1) + `","country":"G"}`):  2,
	} {
		states, a := walk(t, "", 1, "accept 1", input)
		end, outcome := authn.State("PROFILE"), authn.Rejected
		if want == 0 {
			end, outcome = authn.Success, authn.Done
		}
		if states[2] != end || a.Outcome != outcome || len(a.Reasons) != want {
			t.Errorf("%s: %v %q %q", input, states, a.Outcome, a.Reasons)
		}
		if want > 0 && a.TriesLeft != 10 {
			t.Errorf("%s: %d tries are left", input, a.TriesLeft)
		}
	}
}

// Changes come repeatedly, and in any order.
func TestPassed(t *testing.T) {
	r, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	gates := r.Gates(3)
	at := time.Unix(1_800_000_000, 0)
	for _, c := range []struct {
		gate int
		at   time.Time
		data string
	}{
		{0, at, "3"}, {0, at, "3"}, {0, at.Add(-1), "2"},
		{1, at, `{"name":"Ada","country":"GB"}`}, {1, at.Add(-1), `{"name":"Old","country":"GB"}`}, {1, at.Add(1), `{"name":"New","country":"GB"}`}, {1, at, `{"name":"Ada","country":"GB"}`},
	} {
		if err := gates[c.gate].Keeper.Passed(t.Context(), authn.Change{User: "ada", At: c.at, Data: []byte(c.data)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.of("ada"); got.Terms != 3 || got.Profile.Name != "New" {
		t.Errorf("%+v", got)
	}
	for i := range gates {
		if err := gates[i].Keeper.Passed(t.Context(), authn.Change{User: "ada", Data: []byte("no")}); err == nil {
			t.Errorf("%s takes what it did not give", gates[i].State)
		}
	}
}

// After an error nothing has changed, so that the change is repeated.
func TestFaults(t *testing.T) {
	r, err := Open(filepath.Join(t.TempDir(), "none", "records"))
	if err != nil {
		t.Fatal(err)
	}
	c := authn.Change{User: "ada", Data: []byte("1")}
	if err := r.Gates(1)[0].Keeper.Passed(t.Context(), c); err == nil || len(r.users) > 0 {
		t.Errorf("%v %v", err, r.users)
	}
	if _, err := Open(t.TempDir()); err == nil {
		t.Error("a directory is opened")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.file = ""
	if err := r.Gates(1)[0].Keeper.Passed(ctx, c); err == nil || len(r.users) > 0 {
		t.Errorf("%v %v", err, r.users)
	}
}
