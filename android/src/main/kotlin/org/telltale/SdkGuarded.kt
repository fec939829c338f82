package org.telltale

/**
 * Marks a function whose calls newer than Android 8 stand behind a test of `SDK_INT`: the build's check of the oldest
 * supported API passes it by.
 */
@Retention(AnnotationRetention.BINARY)
@Target(AnnotationTarget.FUNCTION, AnnotationTarget.CLASS)
annotation class SdkGuarded
