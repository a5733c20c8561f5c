package httphost

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/authnfsm/authn"
)

// OpenAPI returns a description of the paths, their answers by state and their refusals,
// as JSON by OpenAPI 3.1.1. It is made from the table that runs, and is that of a handler
// with all paths, mounted at /signin. The caller owns it.
func OpenAPI() []byte {
	d := newDescription()
	paths := object{}
	for _, op := range operations() {
		paths["/"+op.path] = object{strings.ToLower(op.method): d.operation(op)}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(object{
		"openapi": "3.1.1",
		"info": object{
			"title": "Sign-in", "version": "1", "license": object{"name": "MIT", "identifier": "MIT"},
			"description": "The events of a sign-in. The server keeps its tokens in cookies that no script reads, and names the sign-in in signIn: a tab sends that name in the header Sign-In. Clients pass over members that they do not know.",
		},
		"servers":    []any{object{"url": "/signin"}},
		"paths":      paths,
		"components": object{"schemas": d.schemas(), "parameters": parameters(), "responses": refusedAlone()},
	})
	if err != nil {
		panic(err) // all of it can be encoded
	}
	return b.Bytes()
}

type object = map[string]any

// gate stands for the host's own states, of which the table that is described has one.
const gate = "HOST_STATE"

// table is the table with that state.
func table() *authn.Machine {
	key, pseudonym := []byte(rand.Text()+rand.Text()), []byte(rand.Text()+rand.Text()) // nothing is sealed with them
	m, err := authn.NewMachine(authn.Config{
		Keys: []authn.Key{{ID: 1, Secret: key}}, PseudonymKey: pseudonym,
		Gates: []authn.Gate{{
			State: gate, Means: "A state of the host's own, on the way to SUCCESS. Its name is another in answers.", Shows: "What the host asks for.",
		}},
	})
	if err != nil {
		panic(err) // the table is sound
	}
	return m
}

// description is the table, as clients see it.
type description struct {
	infos   []authn.StateInfo                 // of the states that answers have
	leads   map[authn.EventName][]string      // the states that an event leads to
	refuses map[authn.EventName][]error       // why it is refused
	takes   map[authn.State][]authn.EventName // the events of a state
}

func newDescription() *description {
	d := &description{leads: map[authn.EventName][]string{}, refuses: map[authn.EventName][]error{}, takes: map[authn.State][]authn.EventName{}}
	m := table()
	for _, s := range m.Reference().States {
		if s.State != authn.Unauthenticated && s.State != authn.OtherGate {
			d.infos = append(d.infos, s)
		}
	}
	for _, r := range m.Transitions() {
		if r.Event == authn.EventClaim && r.Refuse == authn.ErrNoUser { // no claim is handed over here
			continue
		}
		if r.Refuse != nil {
			d.refuses[r.Event] = add(d.refuses[r.Event], r.Refuse)
			continue
		}
		d.leads[r.Event] = add(d.leads[r.Event], string(r.To))
		if _, ok := taken[r.Event]; ok {
			d.takes[r.From] = add(d.takes[r.From], r.Event)
		}
	}
	d.carryOn(authn.EventVerify)
	d.leads[authn.EventOpen] = nil
	d.carryOn(authn.EventOpen)
	for e, to := range d.leads {
		if slices.Contains(to, string(authn.Success)) && e != authn.EventRedeem { // there the session is made
			for _, why := range d.refuses[authn.EventRedeem] {
				d.refuses[e] = add(d.refuses[e], why)
			}
		}
	}
	return d
}

// carryOn adds what an event that proves a claim leads to, in the user's own account.
func (d *description) carryOn(e authn.EventName) {
	for _, next := range []authn.EventName{authn.EventPrimary, authn.EventRecover, authn.EventUnlock} {
		for _, to := range d.leads[next] {
			d.leads[e] = add(d.leads[e], to)
		}
		for _, why := range d.refuses[next] {
			d.refuses[e] = add(d.refuses[e], why)
		}
	}
}

func add[T comparable](list []T, x T) []T {
	if slices.Contains(list, x) {
		return list
	}
	return append(list, x)
}

func (d *description) operation(op *operation) object {
	o := object{
		"operationId": idOf(op), "summary": op.doc,
		"parameters": d.parametersOf(op), "responses": d.responses(op),
	}
	if op.method == http.MethodPost {
		o["requestBody"] = object{"required": true, "content": content(bodyOf(op.members))}
	}
	return o
}

// idOf is a name for generated clients.
func idOf(op *operation) string {
	if op.path == "" {
		return "status"
	}
	return strings.ReplaceAll(op.path, "/", "_")
}

// keyed says that the operation takes an idempotency key.
func (op *operation) keyed() bool {
	_, event := taken[op.event]
	return event || op.event == authn.EventOpen || op.event == authn.EventPasskey
}

func (d *description) parametersOf(op *operation) []any {
	list := []any{object{"$ref": "#/components/parameters/SignIn"}}
	if (op.begins || op.names) && !op.named {
		list[0] = object{"$ref": "#/components/parameters/Tab"}
	}
	if op.keyed() {
		list = append(list, object{"$ref": "#/components/parameters/IdempotencyKey"})
	}
	return list
}

func parameters() object {
	name := object{"type": "string", "pattern": "^[A-Z2-7]{26}$"}
	return object{
		"SignIn":         object{"name": SignInHeader, "in": "header", "required": true, "schema": name, "description": "signIn of the answer before."},
		"Tab":            object{"name": SignInHeader, "in": "header", "schema": name, "description": "signIn of an earlier sign-in of this tab, if there was one."},
		"IdempotencyKey": object{"name": "Idempotency-Key", "in": "header", "schema": object{"type": "string", "pattern": "^[!-~]{1,64}$"}, "description": "Drawn for this event. After a fault the same event with the same key is not taken twice."},
	}
}

func bodyOf(members []member) object {
	properties, required := object{}, []string{}
	for _, m := range members {
		s := object{"description": m.doc}
		switch m.kind {
		case text:
			s["type"] = "string"
		case boolean:
			s["type"] = "boolean"
		}
		if properties[m.name] = s; m.required {
			required = append(required, m.name)
		}
	}
	o := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

func content(schema any) object { return object{"application/json": object{"schema": schema}} }

func ref(schema string) object { return object{"$ref": "#/components/schemas/" + schema} }

// responses are the answers by state, and the refusals by status.
func (d *description) responses(op *operation) object {
	all := object{}
	for status, list := range d.problems(op) {
		if all[strconv.Itoa(status)] = refused(list); len(list) == 1 {
			all[strconv.Itoa(status)] = object{"$ref": "#/components/responses/" + list[0].word}
		}
	}
	all["200"] = object{"description": "The event was taken.", "content": content(d.answer(op))}
	return all
}

// refused is a refusal with one of these words.
func refused(list []*problem) object {
	var words, says []string
	for _, p := range list {
		words, says = append(words, p.word), append(says, p.word+": "+p.doc)
	}
	schema := object{"allOf": []any{ref("View"), object{"required": []string{"error"}, "properties": object{"error": object{"enum": words}}}}}
	o := object{"description": strings.Join(says, " "), "content": content(schema)}
	if list[0].status == http.StatusTooManyRequests {
		o["headers"] = object{"Retry-After": object{"description": "Seconds.", "schema": object{"type": "integer", "minimum": 1}}}
	}
	return o
}

// refusedAlone are the refusals with one word, by the word.
func refusedAlone() object {
	all := object{}
	for _, p := range []*problem{malformed, tooLarge, mediaType, unavailable, crossOrigin, wrong} {
		all[p.word] = refused([]*problem{p})
	}
	for _, r := range refusals {
		all[r.word] = refused([]*problem{r.problem})
	}
	return all
}

func (d *description) answer(op *operation) any {
	var states []string
	switch {
	case op.event != "":
		states = d.leads[op.event]
	case op.method == http.MethodGet:
		for _, s := range d.infos {
			states = append(states, string(s.State))
		}
	default: // the request of a passkey, when there is no sign-in yet
		return object{"allOf": []any{ref("View"), object{"required": []string{"signIn", "prompt", "expires"}}}}
	}
	states = slices.Sorted(slices.Values(states))
	var one []any
	for _, s := range states {
		one = append(one, ref(s))
	}
	return object{"oneOf": one}
}

// problems are those of an operation by status: of the table, of the service around it,
// and of any request.
func (d *description) problems(op *operation) map[int][]*problem {
	list := []*problem{unavailable}
	errs := slices.Clone(d.refuses[op.event])
	if op.method == http.MethodPost {
		list = append(list, malformed, crossOrigin, tooLarge, mediaType)
	}
	switch {
	case op.event == authn.EventPrimary:
		list = append(list, wrong)
		errs = append(errs, authn.ErrTooSoon)
	case op.event == authn.EventClaim || op.path == "passkey/request":
		errs = append(errs, authn.ErrTooSoon, authn.ErrNotAllowed)
	case op.method == http.MethodGet:
		errs = append(errs, authn.ErrFinished)
	default:
		errs = append(errs, authn.ErrFinished, authn.ErrNotAllowed, authn.ErrTooSoon, authn.ErrNoUser, authn.ErrLocked)
	}
	if op.keyed() {
		errs = append(errs, authn.ErrKeyReused)
	}
	for _, err := range errs {
		list = append(list, problemOf(err))
	}
	by := map[int][]*problem{}
	for _, p := range list {
		by[p.status] = add(by[p.status], p)
	}
	for _, list := range by {
		slices.SortFunc(list, func(a, b *problem) int { return strings.Compare(a.word, b.word) })
	}
	return by
}

// schemas are the view, its parts, and what it has in each state.
func (d *description) schemas() object {
	all := typeSchemas()
	for _, s := range d.infos {
		all[string(s.State)] = d.stateSchema(s)
	}
	return all
}

func (d *description) stateSchema(s authn.StateInfo) object {
	properties, required := object{"state": object{"const": s.State}}, []string{"state", "now"}
	if s.State == gate {
		var others []authn.State
		for _, o := range d.infos {
			if o.State != gate {
				others = append(others, o.State)
			}
		}
		properties["state"] = object{"not": object{"enum": others}}
	}
	if !s.Terminal {
		properties["allowed"] = moves(d.takes[s.State])
		required = append(required, "allowed", "expires", "signIn")
	}
	if s.AtHand {
		required = append(required, "factor")
	}
	return object{
		"description": members(s.Means + " The page shows: " + s.Shows),
		"allOf":       []any{ref("View"), object{"required": required, "properties": properties}},
	}
}

var fieldName = regexp.MustCompile("`(?:Answer\\.)?([A-Z])([A-Za-z]+)`")

// members has the members of a view in place of the fields of an answer.
func members(s string) string {
	return fieldName.ReplaceAllStringFunc(s, func(field string) string {
		m := fieldName.FindStringSubmatch(field)
		return "`" + strings.ToLower(m[1]) + m[2] + "`"
	})
}

// moves are the events that a state may allow.
func moves(events []authn.EventName) object {
	var names []string
	for _, e := range events {
		names = append(names, string(e))
	}
	slices.Sort(names)
	return object{"items": object{"properties": object{"event": object{"enum": names}}}}
}
