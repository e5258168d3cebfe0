// The wall between the core and PostgreSQL. Every header of the core includes this file, so a source file that
// includes the core after postgres.h does not compile: the server's macros would rewrite the core's text, and the
// core would grow a dependence on the server unseen. There is deliberately no include guard.
#if defined(POSTGRES_H) || defined(PG_CONFIG_H)
#error "the core's headers come before PostgreSQL's"
#endif
