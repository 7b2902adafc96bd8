"""The one who acts: compares what every Preview asks for with what is there, and closes the difference.

Law: level-triggered. A watch, a timer or an error only says *look again at this key*; everything else is
read anew from the apiserver, decided by `core`, and done here. Nothing is remembered between two visits
that a crash could lose. It knows the clock and the cluster; it knows neither the command line nor GitHub.
"""
