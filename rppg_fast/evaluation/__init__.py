"""Heart rates compared with the truth: ``rppg_fast.evaluate`` and ``rppg-fast evaluate``.

``traces`` reads a PPG, ``truth`` the heart rates of a data set, ``readings`` the results of a
program, ``matching`` says which belong together, ``metrics`` has the measures, ``compare`` the
comparison, and ``tables`` and ``plot`` show it.
"""
