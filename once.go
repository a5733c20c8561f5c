package authn

// repeated says that the event is the last saved one again: nothing is
// evaluated then. The same key with anything else in the event is refused.
func (s *step) repeated() (bool, error) {
	l := &s.tx().last
	if s.in.once == "" || !l.set {
		return false, nil
	}
	k := s.m.keyIndex(l.key)
	if k < 0 || s.onceKey(k) != l.id {
		return false, nil
	}
	if s.oncePrint(k) != l.print {
		return false, s.refuse("", ErrKeyReused, 0)
	}
	return true, nil
}

// remember keeps the event if it has a key; one without forgets the last.
func (s *step) remember(o op, say Outcome) {
	l := &s.tx().last
	*l = lastEvent{}
	if s.in.once == "" {
		return
	}
	*l = lastEvent{set: true, key: s.m.keys[0].id, id: s.onceKey(0)}
	for i, x := range outcomes {
		if x == say {
			l.say = uint8(i)
		}
	}
	s.op = o
	l.print = s.oncePrint(0)
}

func (s *step) onceKey(k int) (x id) {
	sum := s.keyed(k, forOnce, s.m.tenant, string(s.tx().id[:]), "key", s.in.once)
	copy(x[:], sum[:])
	return x
}

func (s *step) oncePrint(k int) (x id) {
	sum := s.keyed(k, forOnce, s.m.tenant, string(s.tx().id[:]), s.op.String(), s.in.factor, string(s.in.code[:s.in.digits]))
	copy(x[:], sum[:])
	return x
}
