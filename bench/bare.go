package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
)

// A bare handler reads and writes the same JSON as the real one, with the
// standard library, and does nothing else: it returns a recorded answer.
type bare struct {
	answers map[string]recorded // by path and kind of code
}

type recorded struct {
	status int
	body   any // typed
}

// plainCode is the right code for the bare handler.
const plainCode = "123456"

func (b bare) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct{ Username, Password, StateToken, PassCode, SessionToken string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a := b.answers[kind(r.URL.Path, in.PassCode, plainCode)]
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	json.NewEncoder(w).Encode(a.body) //nolint:errcheck // the client sees it
}

func kind(path, code, right string) string {
	switch code {
	case "":
		return path
	case right:
		return path + " right"
	}
	return path + " wrong"
}

// record records the answers of one visit for a bare handler, each as a struct
// type, because a map would slow it down.
func record(h http.Handler, v visit, codes func(user string) string) (bare, error) {
	b := bare{map[string]recorded{}}
	right := ""
	do := func(path, body string) ([]byte, error) {
		r := httptest.NewRequest("POST", path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		raw := bytes.TrimSpace(w.Body.Bytes())
		var to any = new(typedTransaction)
		switch {
		case w.Code != http.StatusOK:
			to = new(typedError)
		case path == sessionsPath:
			to = new(typedSession)
		}
		if err := json.Unmarshal(raw, to); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if again, _ := json.Marshal(to); !bytes.Equal(again, raw) {
			return nil, fmt.Errorf("%s: the bare handler would send\n%s\nnot\n%s", path, again, raw)
		}
		b.answers[kind(path, value(body, `"passCode":"`), right)] = recorded{w.Code, to}
		return raw, nil
	}
	err := v.make(do, "recorded", func(user string) string {
		right = codes(user)
		return right
	})
	return b, err
}

type typedTransaction struct {
	StateToken    string         `json:"stateToken,omitempty"`
	ExpiresAt     string         `json:"expiresAt,omitempty"`
	Status        string         `json:"status,omitempty"`
	FactorResult  string         `json:"factorResult,omitempty"`
	ChallengeType string         `json:"challengeType,omitempty"`
	SessionToken  string         `json:"sessionToken,omitempty"`
	Embedded      *typedEmbedded `json:"_embedded,omitempty"`
	Links         *typedLinks    `json:"_links,omitempty"`
	Authn         *typedAuthn    `json:"authn,omitempty"`
}

type typedEmbedded struct {
	User *struct {
		ID string `json:"id"`
	} `json:"user,omitempty"`
	Factors []typedFactor `json:"factors,omitempty"`
	Factor  *typedFactor  `json:"factor,omitempty"`
	Policy  *struct {
		Allow     bool     `json:"allowRememberDevice"`
		Minutes   int      `json:"rememberDeviceLifetimeInMinutes"`
		ByDefault bool     `json:"rememberDeviceByDefault"`
		Factors   struct{} `json:"factorsPolicyInfo"`
	} `json:"policy,omitempty"`
}

type typedFactor struct {
	ID       string `json:"id"`
	Type     string `json:"factorType"`
	Provider string `json:"provider"`
	Vendor   string `json:"vendorName"`
	Profile  struct {
		Email      string `json:"email,omitempty"`
		Credential string `json:"credentialId,omitempty"`
	} `json:"profile,omitzero"`
	Embedded *struct {
		Challenge struct {
			Answer int `json:"correctAnswer"`
		} `json:"challenge"`
	} `json:"_embedded,omitempty"`
	Links *typedLinks `json:"_links,omitempty"`
}

type typedLinks struct {
	Next   *typedLink  `json:"next,omitempty"`
	Resend []typedLink `json:"resend,omitempty"`
	Prev   *typedLink  `json:"prev,omitempty"`
	Cancel *typedLink  `json:"cancel,omitempty"`
	Verify *typedLink  `json:"verify,omitempty"`
}

type typedLink struct {
	Name  string `json:"name,omitempty"`
	Href  string `json:"href"`
	Hints struct {
		Allow []string `json:"allow"`
	} `json:"hints"`
}

type typedAuthn struct {
	Allowed []struct {
		Event string `json:"event"`
		At    string `json:"at,omitempty"`
	} `json:"allowed"`
	TriesLeft   int    `json:"triesLeft,omitempty"`
	ResendAt    string `json:"resendAt,omitempty"`
	CodeExpires string `json:"codeExpiresAt,omitempty"`
	Generation  int    `json:"generation,omitempty"`
	Delivery    string `json:"delivery,omitempty"`
	Now         string `json:"now,omitempty"`
}

type typedError struct {
	Code    string `json:"errorCode"`
	Summary string `json:"errorSummary"`
	Link    string `json:"errorLink"`
	ID      string `json:"errorId"`
	Causes  []struct {
		Summary string `json:"errorSummary"`
	} `json:"errorCauses"`
	Authn *typedAuthn `json:"authn,omitempty"`
}

type typedSession struct {
	ID       string   `json:"id"`
	User     string   `json:"userId"`
	Status   string   `json:"status"`
	Created  string   `json:"createdAt"`
	Expires  string   `json:"expiresAt"`
	Password string   `json:"lastPasswordVerification"`
	Factor   string   `json:"lastFactorVerification"`
	Methods  []string `json:"amr"`
	MFA      bool     `json:"mfaActive"`
}
