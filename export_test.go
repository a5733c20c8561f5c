package authn

// SetDigits makes codes of n digits, even fewer than a policy allows, so that codes
// collide in tests.
func SetDigits(s *Service, n int) {
	s.m.least = 1
	s.m.limits.digits = uint8(n)
}
