package okta_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/okta"
)

// A page that wants a factor sends the browser to the sign-in page with a token. Ada has a
// session, which rests on her password; so a factor is asked for, and nothing else.
func ExampleHandler_StepUp() {
	svc, err := authn.New(authn.Config{
		Keys: []authn.Key{{ID: 1, Secret: newKey()}}, PseudonymKey: newKey(),
		Store: new(memstore.Store), Mailer: new(memsender.Sender), Directory: shop{},
	})
	if err != nil {
		panic(err)
	}
	h, err := okta.New(okta.Config{
		Service: svc, Passwords: shop{}, Sessions: shop{},
		RedirectURLs: []string{"https://shop.example.com"},
	})
	if err != nil {
		panic(err)
	}

	orders := func(w http.ResponseWriter, r *http.Request) {
		token, err := h.StepUp(w, r, okta.StepUp{
			To: "https://shop.example.com/orders", Name: "orders", Label: "Orders",
			User: "u1", Methods: []string{"pwd"}, At: time.Now().Add(-time.Hour), Fresh: true,
		})
		if err != nil {
			http.Error(w, "try again", http.StatusInternalServerError)
			return
		}
		http.Redirect(w, r, "/sign-in?stateToken="+token, http.StatusSeeOther)
	}
	sent := httptest.NewRecorder()
	orders(sent, httptest.NewRequest("GET", "/orders", nil))

	// What the sign-in page does, in the same browser.
	_, token, _ := strings.Cut(sent.Header().Get("Location"), "stateToken=")
	r := httptest.NewRequest("POST", "/api/v1/authn", strings.NewReader(`{"stateToken":"`+token+`"}`))
	r.Header.Set("Content-Type", "application/json")
	for _, c := range sent.Result().Cookies() {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(w.Code, strings.Contains(w.Body.String(), `"status":"MFA_REQUIRED"`), strings.Contains(w.Body.String(), `"label":"Orders"`))
	// Output: 200 true true
}
