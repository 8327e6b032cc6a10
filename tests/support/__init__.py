"""What the tests share: references, made-up clips and frames, programs that they run."""
