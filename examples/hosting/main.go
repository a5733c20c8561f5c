// Command hosting serves sign-ins on this machine, for one user whose mail it prints.
package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/people"
	"github.com/authnfsm/authn/httphost"
	"github.com/authnfsm/authn/memstore"
)

// printer is a Mailer that shows what it would send.
type printer struct{}

func (printer) Send(_ context.Context, m authn.Message) error {
	_, err := fmt.Printf("mail to %s: %s %s\n", m.To, m.Kind, string(m.Code))
	return err
}

// check knows one user. A real one compares a slow hash, also for a name that
// it does not know.
func check(_ context.Context, name string, password authn.Secret) (authn.Login, error) {
	if name != "ada" || password != "correct horse battery" {
		return authn.Login{}, httphost.ErrPassword
	}
	return authn.Login{User: "u1"}, nil
}

// session makes a session, under a new id, from the assertion and from nothing else.
func session(w http.ResponseWriter, _ *http.Request, a *authn.Assertion) error {
	http.SetCookie(w, &http.Cookie{Name: "__Host-session", Value: rand.Text(), Path: "/", Secure: true, HttpOnly: true})
	_, err := fmt.Println("a session for", a.User, a.Methods)
	return err
}

func random() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	return b
}

func main() {
	addr := flag.String("addr", "127.0.0.1:8081", "where to listen")
	flag.Parse()
	users := new(people.Directory)
	users.Add("u1", "ada@example.com", true)
	svc, err := authn.New(authn.Config{
		Keys:         []authn.Key{{ID: 1, Secret: random()}}, // a real host keeps them
		PseudonymKey: random(),
		Store:        new(memstore.Store),
		Mailer:       printer{},
		Directory:    users,
	})
	if err != nil {
		log.Fatal(err)
	}
	signIn, err := httphost.New(httphost.Config{Service: svc, Password: check, Session: session})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/signin/", http.StripPrefix("/signin", signIn))
	ln, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on http://%s\n", ln.Addr())
	srv := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second}
	log.Fatal(srv.Serve(ln))
}
