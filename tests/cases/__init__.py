"""Inputs that skerry once got wrong: tests marked `case(KIND)`, wherever they stand."""
