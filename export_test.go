package authn

// SetDigits makes codes of n digits, also fewer than any policy allows, so
// that codes collide in tests.
func SetDigits(s *Service, n int) {
	s.m.least = 1
	s.m.limits.digits = uint8(n)
}
