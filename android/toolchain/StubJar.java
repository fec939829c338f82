import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.objectweb.asm.AnnotationVisitor;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.FieldVisitor;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/** The framework without what is hidden: what the SDK's {@code android.jar} is. Every method throws. */
final class StubJar {
    /** 1980-01-01, so that the same framework gives the same bytes. */
    private static final long DATE = 315_532_800_000L;

    private static final int VISIBLE = Opcodes.ACC_PUBLIC | Opcodes.ACC_PROTECTED;

    private final ApiList list;

    StubJar(ApiList list) {
        this.list = list;
    }

    /** Writes the library, and gives the number of its classes. */
    int write(Path framework, Path out) throws IOException {
        Map<String, byte[]> stubs = new TreeMap<>();
        try (ZipFile jar = new ZipFile(framework.toFile())) {
            for (ZipEntry entry : (Iterable<ZipEntry>) jar.stream().map(ZipEntry.class::cast)::iterator) {
                String file = entry.getName();
                if (file.endsWith(".class") && list.has(file.substring(0, file.length() - ".class".length()))) {
                    stubs.put(file, stub(jar.getInputStream(entry).readAllBytes()));
                }
            }
        }
        try (OutputStream file = Files.newOutputStream(out); ZipOutputStream jar = new ZipOutputStream(file)) {
            for (var stub : stubs.entrySet()) {
                ZipEntry entry = new ZipEntry(stub.getKey());
                entry.setTime(DATE);
                jar.putNextEntry(entry);
                jar.write(stub.getValue());
            }
        }
        return stubs.size();
    }

    private byte[] stub(byte[] source) {
        ClassWriter writer = new ClassWriter(0);
        new ClassReader(source).accept(new Public(writer), ClassReader.SKIP_CODE | ClassReader.SKIP_DEBUG);
        return writer.toByteArray();
    }

    /** Passes on what of a class is public. */
    private final class Public extends ClassVisitor {
        private ApiList.Entry entry;

        Public(ClassWriter writer) {
            super(Opcodes.ASM9, writer);
        }

        /**
         * Hidden superclasses and interfaces are left out, and the generic signature with them, which names them. The
         * framework's classes are of Java 21; as Java 8's, every JDK loads them, which have no record and no nests.
         */
        @Override
        public void visit(int version, int access, String name, String signature, String superclass, String[] interfaces) {
            entry = list.get(name);
            String[] shown = Arrays.stream(interfaces).filter(list::has).toArray(String[]::new);
            boolean whole = shown.length == interfaces.length && list.has(superclass);
            String parent = list.has(superclass) ? superclass : entry.superclass();
            super.visit(Opcodes.V1_8, access & ~Opcodes.ACC_RECORD, name, whole ? signature : null, parent, shown);
        }

        @Override
        public void visitInnerClass(String name, String outer, String inner, int access) {
            if (list.has(name)) {
                super.visitInnerClass(name, outer, inner, access);
            }
        }

        @Override
        public void visitPermittedSubclass(String name) {}

        @Override
        public void visitNestMember(String name) {}

        @Override
        public void visitNestHost(String name) {}

        @Override
        public AnnotationVisitor visitAnnotation(String type, boolean visible) {
            boolean internal = type.startsWith("Landroid/annotation/") || type.startsWith("Landroid/compat/");
            return internal ? null : super.visitAnnotation(type, visible);
        }

        @Override
        public FieldVisitor visitField(int access, String name, String type, String signature, Object value) {
            boolean shown = (access & VISIBLE) != 0 && entry.members().contains(name + "#" + type);
            return shown ? super.visitField(access, name, type, signature, value) : null;
        }

        /** A private constructor stays: without any, a class would seem to have the default one. */
        @Override
        public MethodVisitor visitMethod(int access, String name, String type, String signature, String[] exceptions) {
            boolean seen = (access & VISIBLE) != 0 || name.equals("<init>");
            if (!seen || !entry.members().contains(name + type)) {
                return null;
            }
            MethodVisitor method = super.visitMethod(access, name, type, signature, exceptions);
            boolean hasBody = (access & (Opcodes.ACC_ABSTRACT | Opcodes.ACC_NATIVE)) == 0;
            return hasBody ? new Throwing(method, type) : method;
        }
    }

    /** A method whose body is {@code throw null}. */
    private static final class Throwing extends MethodVisitor {
        private final String type;

        Throwing(MethodVisitor method, String type) {
            super(Opcodes.ASM9, method);
            this.type = type;
        }

        @Override
        public void visitEnd() {
            mv.visitCode();
            mv.visitInsn(Opcodes.ACONST_NULL);
            mv.visitInsn(Opcodes.ATHROW);
            // The size counts `this`; a static method has one local less, which does no harm.
            mv.visitMaxs(1, Type.getArgumentsAndReturnSizes(type) >> 2);
            mv.visitEnd();
        }
    }
}
