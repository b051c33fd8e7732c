package allowed
