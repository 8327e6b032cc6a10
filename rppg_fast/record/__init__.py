"""Record a camera together with a pulse sensor at the finger, in the layout that training reads."""
