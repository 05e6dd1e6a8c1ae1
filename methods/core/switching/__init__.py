"""The switcher network and its controls: what reads the weights, how scores become factors, how both are trained."""
