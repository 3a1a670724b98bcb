"""Arguments of knowledge: linear relations and arithmetic constraints, alone and in batches."""
