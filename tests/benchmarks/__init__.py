"""How fast it is: ratios against peers, both sides measured in turn in one run. Not part of the tests."""
