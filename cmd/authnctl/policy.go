package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"time"

	"github.com/authnfsm/authn"
)

// readPolicy reads a policy. Durations are texts, such as "30m".
func readPolicy(file string) (p authn.Policy, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return p, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		return p, fmt.Errorf("%s: %w", file, err)
	}
	for name, text := range fields {
		f := reflect.ValueOf(&p).Elem().FieldByName(name)
		if !f.IsValid() {
			return p, fmt.Errorf("%s: authn.Policy has no field %q", file, name)
		}
		if err := set(f, text); err != nil {
			return p, fmt.Errorf("%s: %s: %w", file, name, err)
		}
	}
	return p, nil
}

// set sets a field of the policy.
func set(f reflect.Value, text []byte) error {
	var words []string
	switch to := f.Addr().Interface().(type) {
	case *time.Duration:
		words = make([]string, 1)
		if err := json.Unmarshal(text, &words[0]); err != nil {
			return fmt.Errorf(`want a text such as "30m": %w`, err)
		}
		d, err := time.ParseDuration(words[0])
		*to = d
		return err
	case *[]time.Duration:
		if err := json.Unmarshal(text, &words); err != nil {
			return fmt.Errorf(`want texts such as ["30s", "1m"]: %w`, err)
		}
		for _, w := range words {
			d, err := time.ParseDuration(w)
			if err != nil {
				return err
			}
			*to = append(*to, d)
		}
		return nil
	default:
		return json.Unmarshal(text, to)
	}
}
