package main

import (
	"context"
	"fmt"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/okta"
	"github.com/authnfsm/authn/questionfactor"
	"github.com/authnfsm/authn/webauthnfactor"
)

// The types of factors that are not built in.
const (
	keyType      = "webauthn"
	pushType     = "push"
	questionType = "question"
	oktaTOTP     = "okta_verify" // an authenticator app that clients know as Okta's
)

// push is a phone that approves. The page of the inbox plays it.
var push = authn.FactorType{Name: pushType, Methods: []string{"swk"}, Channel: pushType, Awaited: true, CodeLife: 2 * time.Minute}

// questions are those that an account may choose from, in Okta's words.
var questions = []okta.Question{
	{Question: "disliked_food", Text: "What is the food you least liked as a child?"},
	{Question: "first_computer", Text: "What was the first computer that you used?"},
	{Question: "name_of_first_plush_toy", Text: "What is the name of your first stuffed animal?"},
}

// A browser makes a security key for a name, and not for an IP address; without TLS
// the only one is localhost. So keys work at keySite, and the rest anywhere.
const keyDomain = "localhost"

func keySite(port string) string {
	if port == "80" {
		return "http://" + keyDomain
	}
	return "http://" + keyDomain + ":" + port
}

func types(site string) ([]authn.FactorType, error) {
	key, err := webauthnfactor.New(webauthnfactor.Config{RPID: keyDomain, RPName: serviceName, Origins: []string{site}})
	if err != nil {
		return nil, err
	}
	var c questionfactor.Config
	for _, q := range questions {
		c.Questions = append(c.Questions, questionfactor.Question{Key: q.Question, Text: q.Text})
	}
	question, err := questionfactor.New(c)
	if err != nil {
		return nil, err
	}
	return []authn.FactorType{key, push, question, authn.TOTPType(oktaTOTP)}, nil
}

// wire is how Okta's clients see them, as far as package okta does not know.
var wire = map[string]okta.FactorType{
	authn.RecoveryCodes: {Type: authn.RecoveryCodes, Provider: "CUSTOM", Vendor: "Recovery codes", Widget: "token:hotp"},
	oktaTOTP:            {Type: "token:software:totp", Provider: "OKTA"},
	pushType: {Type: "push", Profile: func(_ context.Context, user string, _ authn.Factor) (okta.FactorProfile, error) {
		return okta.FactorProfile{DeviceType: "SmartPhone_Android", Name: fmt.Sprintf("the phone of %s", user)}, nil
	}},
}
