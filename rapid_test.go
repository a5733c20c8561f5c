package authn_test

import (
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/model"
)

// TestModel holds random histories of users, tabs, clocks, policies and failing
// ports against an independent reference: package model. RAPID_CHECKS says how
// many.
func TestModel(t *testing.T) { model.Check(t, authn.SetDigits) }

// FuzzModel is TestModel with the fuzzer to choose what happens.
func FuzzModel(f *testing.F) { model.Fuzz(f, authn.SetDigits) }
