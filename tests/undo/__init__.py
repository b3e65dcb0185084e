"""What was there can be had back: releases of stacks and revisions of services, with their images."""
