package authn_test

import (
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/model"
	"github.com/authnfsm/authn/internal/proof/model/claims"
)

// TestModel compares random histories of users, tabs, clocks, policies and failing
// ports with an independent reference: package model. RAPID_CHECKS sets their
// number.
func TestModel(t *testing.T) { model.Check(t, authn.SetDigits) }

// FuzzModel is TestModel with histories that the fuzzer chooses.
func FuzzModel(f *testing.F) { model.Fuzz(f, authn.SetDigits) }

// TestModelClaims compares random histories of claims with a reference of their own:
// package claims.
func TestModelClaims(t *testing.T) { claims.Check(t) }
