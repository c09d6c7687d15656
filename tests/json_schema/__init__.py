"""What documents look like: schemas held against what commands write."""
