package httphost

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"
)

// typeSchemas are those of the types that answers are made of.
func typeSchemas() object {
	all := object{}
	for _, v := range []any{View{}, Move{}, Factor{}, Prompt{}} {
		t := reflect.TypeOf(v)
		all[t.Name()] = schemaOf(t)
	}
	return all
}

// schemaOf reads the members of a struct, each with what is said of it in said.
func schemaOf(t reflect.Type) object {
	properties, required := object{}, []string{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if options == "" {
			required = append(required, name)
		}
		s := typeSchema(f.Type)
		if doc := said[t.Name()+"."+name]; doc != "" {
			s["description"] = doc
		}
		properties[name] = s
	}
	o := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

func typeSchema(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[json.RawMessage]():
		return object{}
	case t.Kind() == reflect.Pointer:
		return ref(t.Elem().Name())
	case t.Kind() == reflect.Struct:
		return ref(t.Name())
	case t.Kind() == reflect.Slice:
		return object{"type": "array", "items": typeSchema(t.Elem())}
	case t.Kind() == reflect.Bool:
		return object{"type": "boolean"}
	case t.Kind() == reflect.Int:
		return object{"type": "integer", "minimum": 0}
	}
	return object{"type": "string"}
}

// said is what clients are told of each member.
var said = map[string]string{
	"View.signIn":          "Name of the sign-in, for the header Sign-In. Absent: there is none any more.",
	"View.error":           "Why nothing has changed, in a word. Absent: the event was taken.",
	"View.retryAt":         "When the error no longer holds. Absent: waiting does not help.",
	"View.state":           "Where the sign-in stands.",
	"View.outcome":         "Of an event that was taken: wrong_code and late_code, rejected with reasons, or denied. Absent: as asked.",
	"View.reasons":         "Which rules an input does not meet that was rejected.",
	"View.session":         "A session was made: the user is signed in.",
	"View.for":             "What a claim has begun: recover, unlock or sign_up. Absent: a sign-in.",
	"View.user":            "The user's id, once something was proved.",
	"View.allowed":         "The events that may come next.",
	"View.factors":         "The factors to choose from.",
	"View.factor":          "The factor at hand.",
	"View.prompt":          "What proving the factor at hand, or enrolling it, takes beyond a code that was sent.",
	"View.question":        "What the user is asked.",
	"View.triesLeft":       "How many wrong codes are left.",
	"View.generation":      "Number of the last code that was sent, from 1. Its message has it too.",
	"View.delivery":        "Of the message with the live code: pending, sent or failed.",
	"View.codeExpires":     "When the live code expires. Absent: there is none.",
	"View.passwordExpires": "When the password expires.",
	"View.until":           "When the lock of the account ends. Absent: only this sign-in has ended, or the host has to step in.",
	"View.expires":         "When the sign-in expires.",
	"View.now":             "The server's time, for countdowns.",
	"Move.event":           "Its path.",
	"Move.at":              "From which time it is taken, if nothing else happens first. Absent: now.",
	"Factor.id":            "For challenge and verify.",
	"Factor.type":          "For enroll.",
	"Factor.address":       "Masked.",
	"Factor.status":        "NOT_SETUP, ACTIVE or DISABLED.",
	"Factor.required":      "No sign-in succeeds without it.",
	"Factor.at":            "From which time it can be chosen. Absent: now.",
	"Factor.options":       "What to respond to, of a type that needs no challenge, such as the question to be answered.",
	"Prompt.secret":        "Of an authenticator app, while it is enrolled: to type in.",
	"Prompt.uri":           "Of an authenticator app, while it is enrolled: for a QR code.",
	"Prompt.codes":         "Recovery codes, while they are enrolled.",
	"Prompt.left":          "How many recovery codes are left.",
	"Prompt.number":        "To be named on the other device.",
	"Prompt.pairing":       "For the other device, while it is enrolled.",
	"Prompt.replied":       "What the other device said: approved or rejected; or withdrawn, if another sign-in asks it instead. The last two are told until an event was answered with the outcome rejected.",
	"Prompt.options":       "What to respond to: of a security key the options of navigator.credentials, with buffers in base64url.",
}
